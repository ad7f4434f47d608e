//! The integration tests, one binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

/// Damaged, contradictory and unusual bundles.
mod bundles;
/// The command as users call it: formats, bad input, exit codes, interruption.
mod cli;
/// `chartcode codes`: import, list, show.
mod codes;
/// Evaluation, comparison, agreement and tuning as users call them.
mod eval;
/// `chartcode fit`, end to end on synthetic charts.
mod fit;
/// `chartcode import`, from folders, pickles and a hub.
mod import;
/// Tokens, hidden states, vectors and logits against PyTorch and Transformers.
mod parity;
/// f32, bf16 and int8: how near they are, and the commands that time and compare them.
mod precision;
/// Published architectures and layouts against PyTorch and Transformers.
mod published;
/// What must hold of the route whatever the model: batches, threads, offsets.
mod route;
/// Paths, goldens and scratch bundles.
mod support;
/// Other thresholds and calibrations for the same model.
mod versions;
/// CAML, MultiResCNN and LAAT as published, against PyTorch.
mod words;
/// What such models need beside their weights, and what is refused.
mod words_import;
