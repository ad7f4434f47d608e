//! What an engine checks and sets up when it is loaded.

use crate::bundle::{Bundle, Manifest};
use crate::cuts::Cuts;
use crate::decide::Thresholds;
use crate::encoder::Encoder;
use crate::error::{Error, Result};
use crate::limit::ReadLimit;
use crate::options::Options;
use crate::report::Stamp;

pub(crate) fn thread_pool(options: Options) -> Result<rayon::ThreadPool> {
    let threads = options.threads.map_or(0, std::num::NonZeroUsize::get);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("chartcode-{index}"))
        .build()
        .map_err(|source| Error::Threads { threads, source })
}

pub(crate) fn thresholds(manifest: &Manifest, options: Options) -> Result<Thresholds> {
    let Some(review) = options.threshold else {
        return Ok(manifest.thresholds);
    };
    if !(0.0..=1.0).contains(&review) {
        let range = "0 to 1";
        return Err(Error::Option { option: "the threshold", value: review, range });
    }
    Ok(manifest.thresholds.with_review(review))
}

/// The thresholds of labels and of all others, as logits.
pub(crate) fn cuts(bundle: &Bundle, thresholds: Thresholds) -> Cuts {
    let calibration = &bundle.manifest.calibration;
    Cuts::new(calibration, thresholds, &bundle.label_thresholds, bundle.labels.len())
}

pub(crate) fn check_windows(bundle: &Bundle, encoder: &Encoder, special: usize) -> Result<()> {
    let rule = bundle.manifest.windows;
    bundle.manifest.check_against(&bundle.config, bundle.path())?;
    encoder.check_window(rule.max_tokens(), bundle.path())?;
    if let Some(ReadLimit::Tokens(most)) = bundle.manifest.limit
        && most <= special
    {
        let problem =
            format!("a limit of {most} tokens leaves no room beside {special} special ones");
        return Err(Error::Inconsistent { path: bundle.path().to_owned(), problem });
    }
    let special = match rule {
        // They are no part of each window.
        crate::windows::WindowRule::Document { .. } => 0,
        _ => special,
    };
    if rule.max_tokens() <= special + rule.overlap() {
        return Err(Error::Inconsistent {
            path: bundle.path().to_owned(),
            problem: format!(
                "windows of {} tokens leave no room beside {special} special tokens and an \
                 overlap of {}",
                rule.max_tokens(),
                rule.overlap()
            ),
        });
    }
    if bundle.vocabulary_size() > bundle.config.vocab_size {
        return Err(Error::Inconsistent {
            path: bundle.path().to_owned(),
            problem: format!(
                "the tokenizer has {} entries, the encoder {}",
                bundle.vocabulary_size(),
                bundle.config.vocab_size
            ),
        });
    }
    Ok(())
}

pub(crate) fn stamp(bundle: &Bundle, thresholds: Thresholds, options: Options) -> Stamp {
    let manifest = &bundle.manifest;
    Stamp {
        engine: concat!("chartcode ", env!("CARGO_PKG_VERSION")).to_owned(),
        bundle: manifest.id.clone(),
        bundle_version: manifest.version.clone(),
        bundle_digest: bundle.digest().to_owned(),
        code_set: manifest.labels.as_ref().map_or_else(String::new, |l| l.code_set.clone()),
        profile: manifest.profile.clone(),
        thresholds,
        label_thresholds: !bundle.label_thresholds.is_empty(),
        top: options.top,
        evidence: options.evidence,
        precision: options.precision,
    }
}
