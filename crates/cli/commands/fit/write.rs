//! The bundle of a fitted head.

use std::collections::BTreeMap;

use chartcode::{
    AcceptPromise, Bundle, BundleHead, DataSource, Engine, NOT_STATED, Thresholds, Tuned,
};
use chartcode_eval::{Code, LabelSet};
use chartcode_train::fit::Fit;

use super::charts::Charts;
use crate::args::FitArgs;
use crate::commands::{gold::file_name, labels, tune};

pub(super) fn write(
    args: &FitArgs,
    bundle: &Bundle,
    engine: &Engine,
    charts: &Charts,
    fitted: &Fit,
) -> anyhow::Result<()> {
    let id = args.id.clone().unwrap_or_else(|| file_name(&args.output));
    let summary = &fitted.tuning.summary;
    let thresholds = &fitted.tuning.thresholds;
    let review = thresholds.global.probability;
    let own = thresholds
        .own
        .iter()
        .map(|own| (charts.labels[own.label as usize].code.clone(), own.cut.probability));
    let tuned = tuned(charts, fitted);
    let head = BundleHead {
        description: format!(
            "{} codes of {}, learnt from {} charts",
            charts.summary.labels, charts.summary.system, charts.summary.charts
        ),
        spec: fitted.model.spec(&charts.rule),
        tensors: fitted.model.tensors(),
        labels: titled(engine, &charts.labels)?,
        system: charts.summary.system.clone(),
        code_set: format!("{} as in {}", charts.summary.system, charts.summary.source),
        thresholds: Thresholds {
            review,
            // Only suggested codes are accepted, so that a lower cut accepts no more.
            accept: summary.accept.as_ref().map(|rule| rule.cut.probability.max(review)),
        },
        label_thresholds: own.collect::<BTreeMap<_, _>>(),
        calibration: tune::calibration(&summary.calibration)?,
        data: DataSource {
            name: charts.summary.source.clone(),
            used_for: "head, calibration and thresholds".to_owned(),
            licence: NOT_STATED.to_owned(),
        },
        card: card(&id, bundle, charts, fitted, &tuned),
        tuned: Some(tuned),
        id,
    };
    Ok(bundle.write_with_head(&args.output, head)?)
}

/// Code and title of each label; titles are known where the old bundle has the code.
fn titled(engine: &Engine, codes: &[Code]) -> anyhow::Result<Vec<(String, String)>> {
    let own = LabelSet::new(codes.to_vec())?;
    let known = if engine.labels().is_empty() { None } else { Some(labels::set(engine)?) };
    let titles = known.map_or_else(
        || vec![String::new(); codes.len()],
        |known| labels::titles(engine, &known, &own),
    );
    Ok(codes.iter().map(|code| code.code.clone()).zip(titles).collect())
}

fn tuned(charts: &Charts, fitted: &Fit) -> Tuned {
    let summary = &fitted.tuning.summary;
    let date = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let threshold = summary.threshold.as_ref();
    let counts = threshold.and_then(|threshold| match threshold.own {
        Some(_) => threshold.cross_validated_per_label,
        None => threshold.cross_validated,
    });
    Tuned {
        charts: charts.summary.charts,
        codes: charts.summary.codes,
        date: date.split('T').next().map(str::to_owned),
        gold: charts.summary.source.clone(),
        objective: "micro-F1".to_owned(),
        micro_f1: counts.and_then(|counts| counts.f1).unwrap_or_default(),
        accept: summary.accept.as_ref().map(|rule| AcceptPromise {
            error_at_most: rule.alpha,
            confidence: rule.confidence,
            charts: rule.bound.charts,
            codes: rule.bound.codes,
            automation_rate: rule.share_of_suggested.value.unwrap_or_default(),
        }),
    }
}

fn card(id: &str, bundle: &Bundle, charts: &Charts, fitted: &Fit, tuned: &Tuned) -> String {
    let cross = &fitted.cross_validation;
    let best = &cross.trials[cross.chosen];
    let left_out = match charts.summary.left_out.len() {
        0 => String::new(),
        count => format!(
            "{count} codes that too few charts have are not among the labels: the bundle cannot \
             suggest them.\n\n"
        ),
    };
    format!(
        "# {id}\n\nA linear head on the encoder of {} {}, fitted by chartcode {} on {} charts of {} \
         ({}) with {} codes of {}.\n\n\
         - labels: {}\n- inputs: {}\n- regularisation: C = {}\n- cross-validated micro-F1: {:.4}\n\
         - cross-validated MAP: {:.4}\n- calibration: {}\n\n{left_out}\
         The figures are of charts that the models which scored them had not seen; inputs and \
         strength were chosen by the same figures. The bundle holds no text of the charts, but \
         64-bit hashes of word runs that are in at least two of them: whoever guesses a run can \
         check whether it is there, so share the bundle as you would share a list of such runs.\n",
        bundle.manifest().id,
        bundle.manifest().version,
        env!("CARGO_PKG_VERSION"),
        tuned.charts,
        tuned.gold,
        tuned.date.as_deref().unwrap_or(NOT_STATED),
        tuned.codes,
        charts.summary.system,
        charts.summary.labels,
        best.inputs.name(),
        best.strength,
        tuned.micro_f1,
        best.map,
        fitted.tuning.summary.calibration.kind(),
    )
}
