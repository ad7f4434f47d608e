//! The tuned bundle: a new version of the old one.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use chartcode::{AcceptPromise, Bundle, BundleChanges, Calibration, Thresholds, Tuned};
use chartcode_eval::tune::{CalibrationFit, Objective, TuningSummary};

use super::collect::Collected;
use super::fit::Fitted;
use crate::commands::gold::Gold;
use crate::eval_args::TuneArgs;

/// Writes the bundle; gives its version.
pub(super) fn write(
    args: &TuneArgs,
    path: &Path,
    gold: &Gold,
    from: &Collected,
    fitted: &Fitted,
) -> anyhow::Result<String> {
    let out = args.out.as_deref().context("no folder to write to")?;
    let bundle = Bundle::open(path)?;
    if bundle.digest() != from.engine.stamp().bundle_digest {
        bail!("{} changed while it was being tuned", path.display());
    }
    let version =
        args.version.clone().unwrap_or_else(|| format!("{}+tuned", bundle.manifest().version));
    let tuned = tuned(gold, &fitted.summary);
    let mut changes = BundleChanges::new(&version);
    changes.profile.clone_from(&args.engine.profile);
    let review = fitted.thresholds.global.probability;
    changes.thresholds = Some(Thresholds {
        review,
        // Only suggested codes are accepted, so that a lower cut accepts no more.
        accept: fitted.summary.accept.as_ref().map(|rule| rule.cut.probability.max(review)),
    });
    changes.calibration = Some(calibration(&fitted.summary.calibration)?);
    changes.label_thresholds = (!fitted.thresholds.own.is_empty()).then(|| {
        let own = fitted.thresholds.own.iter();
        own.map(|own| (code(from, own.label), own.cut.probability)).collect::<BTreeMap<_, _>>()
    });
    changes.card = Some(card(&version, &tuned, fitted));
    changes.tuned = Some(tuned);
    bundle.write_version(out, changes)?;
    Ok(version)
}

fn code(from: &Collected, label: u32) -> String {
    from.engine.labels().code(label as usize).to_owned()
}

pub(crate) fn calibration(fit: &CalibrationFit) -> anyhow::Result<Calibration> {
    Ok(match fit {
        // A bundle's map has two points at least.
        CalibrationFit::Isotonic { logits, probabilities } if logits.len() == 1 => {
            Calibration::Isotonic {
                logits: vec![logits[0], logits[0] + 1.0],
                probabilities: vec![probabilities[0]; 2],
            }
        }
        // Both sides have the same JSON form.
        other => serde_json::from_value(serde_json::to_value(other)?)?,
    })
}

fn tuned(gold: &Gold, summary: &TuningSummary) -> Tuned {
    let threshold = summary.threshold.as_ref();
    let cross_validated = threshold.and_then(|threshold| match threshold.own {
        Some(_) => threshold.cross_validated_per_label,
        None => threshold.cross_validated,
    });
    let date = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    Tuned {
        charts: summary.charts,
        codes: summary.gold as usize,
        date: date.split('T').next().map(str::to_owned),
        gold: gold.name.clone(),
        objective: threshold.map_or_else(String::new, |t| objective(t.objective)),
        micro_f1: cross_validated.and_then(|counts| counts.f1).unwrap_or_default(),
        accept: summary.accept.as_ref().map(|rule| AcceptPromise {
            error_at_most: rule.alpha,
            confidence: rule.confidence,
            charts: rule.bound.charts,
            codes: rule.bound.codes,
            automation_rate: rule.share_of_suggested.value.unwrap_or_default(),
        }),
    }
}

pub(super) fn objective(objective: Objective) -> String {
    match objective {
        Objective::MicroF1 => "micro-F1".to_owned(),
        Objective::Grid => "micro-F1 on a grid of 100 thresholds".to_owned(),
        Objective::Precision(precision) => format!("precision of at least {precision}"),
    }
}

/// The section for the bundle's card.
fn card(version: &str, tuned: &Tuned, fitted: &Fitted) -> String {
    let accept = match (&tuned.accept, &fitted.summary.refusal_text) {
        (Some(promise), _) => format!(
            "Codes above {:.4} are accepted without review: with {:.0} % confidence at most {} % \
             of them are wrong on charts like these ({} codes of {} charts); they are {:.1} % of \
             the suggested codes.",
            fitted.summary.accept.as_ref().map_or(1.0, |rule| rule.cut.probability),
            100.0 * promise.confidence,
            100.0 * promise.error_at_most,
            promise.codes,
            promise.charts,
            100.0 * promise.automation_rate
        ),
        (None, refusal) => format!("Acceptance: {}", refusal.as_deref().unwrap_or("not asked for")),
    };
    let own = match fitted.thresholds.own.len() {
        0 => String::new(),
        own => format!(" {own} frequent codes have thresholds of their own."),
    };
    format!(
        "## Tuned: version {version}\n\nThresholds and calibration were fitted by `chartcode tune` \
         on {} charts with {} codes ({}){}. The review threshold {:.4} was chosen for the {}; \
         cross-validated micro-F1 {:.4}.{own}\n\n{accept}\n",
        tuned.charts,
        tuned.codes,
        tuned.gold,
        tuned.date.as_ref().map_or_else(String::new, |date| format!(", {date}")),
        fitted.thresholds.global.probability,
        tuned.objective,
        tuned.micro_f1,
    )
}
