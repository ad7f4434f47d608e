//! `chartcode train contrastive`.

use anyhow::bail;
use chartcode_train::{ContrastiveFiles, ContrastiveOptions, PairFile, train_contrastive};

use super::watch::Watch;
use super::{figures, id, open, print, steps};
use crate::train_args::ContrastiveArgs;

pub(super) fn run(args: &ContrastiveArgs) -> anyhow::Result<()> {
    let bundle = open(&args.run)?;
    let files = ContrastiveFiles {
        pairs: pairs(args)?,
        output: args.run.output.clone(),
        id: id(&args.run),
        data_note: args.run.data_note.clone(),
        threads: args.run.threads,
    };
    let options = ContrastiveOptions {
        training: args.training.options(),
        batch: args.batch,
        hard_negatives: args.hard_negatives,
        temperature: args.temperature,
        projection: args.projection,
        held_out: args.held_out,
        dropout: args.training.dropout,
        freeze_embeddings: args.training.freeze_embeddings,
        freeze_layers: args.training.freeze_layers,
        ..ContrastiveOptions::default()
    };
    let mut watch = Watch::new(args.run.quiet);
    let summary = train_contrastive(&bundle, &files, &options, &mut |event| watch.on(event))?;
    watch.clear();
    let rows = [
        (
            "pairs",
            format!(
                "{} of {} codes ({} with two texts or more), {} held out",
                summary.pairs, summary.codes, summary.codes_with_positives, summary.held_out
            ),
        ),
        (
            "steps",
            steps(summary.steps, summary.best_step, summary.stopped_early, summary.resumed_at),
        ),
        ("held out", figures(&summary.dev)),
        ("written", summary.bundle.display().to_string()),
    ];
    print(args.run.format, &summary, &rows)
}

fn pairs(args: &ContrastiveArgs) -> anyhow::Result<Vec<PairFile>> {
    let (files, weights) = (&args.pairs, &args.pairs_weight);
    if !weights.is_empty() && weights.len() != files.len() {
        bail!("--pairs-weight has {} weights for {} files", weights.len(), files.len());
    }
    let weights = weights.iter().copied().chain(std::iter::repeat(1.0));
    let pair = |(path, weight): (&std::path::PathBuf, f64)| PairFile { path: path.clone(), weight };
    Ok(files.iter().zip(weights).map(pair).collect())
}
