//! `chartcode inspect`: what a bundle is made of.

use std::io::Write as _;

use anstyle::Style;
use chartcode::{
    Bundle, Calibration, Manifest, Options, PaddingMode, Preprocess, ReadLimit, Thresholds, Tuned,
    WindowRule,
};
use serde::Serialize;

use crate::args::{InspectArgs, InspectFormat};
use crate::commands;
use crate::failures::Failures;

#[derive(Serialize)]
struct Inspection<'a> {
    path: String,
    digest: &'a str,
    checksums_verified: usize,
    parameters: usize,
    labels: usize,
    label_thresholds: usize,
    vocabulary: usize,
    layers: usize,
    hidden_size: usize,
    manifest: &'a Manifest,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tensors: Vec<TensorRow>,
}

#[derive(Serialize)]
struct TensorRow {
    key: String,
    shape: Vec<usize>,
}

pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<Failures> {
    let bundle = Bundle::open(commands::bundle(args.bundle.as_deref())?)?;
    let tensors = bundle.tensors();
    let inspection = Inspection {
        path: bundle.path().display().to_string(),
        digest: bundle.digest(),
        checksums_verified: bundle.manifest().files.len(),
        parameters: tensors.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum(),
        labels: bundle.labels().len(),
        label_thresholds: bundle.label_thresholds().len(),
        vocabulary: bundle.vocabulary_size(),
        layers: bundle.config().num_hidden_layers,
        hidden_size: bundle.config().hidden_size,
        manifest: bundle.manifest(),
        tensors: if args.tensors {
            tensors.into_iter().map(|(key, shape)| TensorRow { key, shape }).collect()
        } else {
            Vec::new()
        },
    };
    let mut out = anstream::stdout();
    match args.format {
        InspectFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&inspection)?)?,
        InspectFormat::Text => print(&inspection, &mut out)?,
    }
    // Checksums say that the files are whole, loading that they fit each other.
    chartcode::Engine::from_bundle(bundle, Options::new())?;
    Ok(Failures::default())
}

fn print(inspection: &Inspection<'_>, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let manifest = inspection.manifest;
    let head = manifest.head.as_ref().map_or("none: an encoder only", |head| head.name());
    let code_set = manifest.labels.as_ref().map_or_else(
        || "not stated".to_owned(),
        |labels| match &labels.effective {
            Some(day) => format!("{}, in force since {day}", labels.code_set),
            None => labels.code_set.clone(),
        },
    );
    let checksums = match inspection.checksums_verified {
        0 => "none to verify: the folder has no manifest".to_owned(),
        files => format!("verified, {files} files"),
    };
    let data: Vec<String> = manifest
        .data
        .iter()
        .map(|source| format!("{} ({}): {}", source.name, source.licence, source.used_for))
        .collect();
    let data = data.join("\n            ");
    let rows = [
        ("bundle", format!("{} {}", manifest.id, manifest.version)),
        ("", manifest.description.clone()),
        ("path", inspection.path.clone()),
        (
            "encoder",
            format!(
                "{}, {} layers, hidden size {}, vocabulary {}",
                manifest.architecture,
                inspection.layers,
                inspection.hidden_size,
                inspection.vocabulary
            ),
        ),
        ("windows", windows(manifest)),
        ("text", text(manifest)),
        ("head", head.to_owned()),
        ("labels", inspection.labels.to_string()),
        ("code set", code_set),
        ("profiles", profiles(manifest)),
        ("thresholds", thresholds(manifest, inspection.label_thresholds)),
        ("calibration", calibration(&manifest.calibration)),
        ("tuned", manifest.tuned.as_ref().map_or_else(String::new, tuned)),
        ("parameters", inspection.parameters.to_string()),
        ("licence", manifest.licence.clone()),
        ("data", data),
        ("checksums", checksums),
        ("digest", inspection.digest.to_owned()),
    ];
    let bold = Style::new().bold();
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "{bold}{name:<11}{bold:#} {value}")?;
    }
    for tensor in &inspection.tensors {
        writeln!(out, "{:<11} {:?} {}", "", tensor.shape, tensor.key)?;
    }
    Ok(())
}

/// The profiles, the one that thresholds and calibration belong to first.
fn profiles(manifest: &Manifest) -> String {
    match manifest.profile_names().as_slice() {
        [] => String::new(),
        [own] => own.to_string(),
        [own, others @ ..] => format!("{own}; with --profile: {}", others.join(", ")),
    }
}

fn thresholds(manifest: &Manifest, own: usize) -> String {
    let Thresholds { review, accept } = manifest.thresholds;
    let accept = accept.map_or_else(|| "none".to_owned(), |accept| format!("above {accept}"));
    let own = match own {
        0 => String::new(),
        1 => "; 1 code has a review threshold of its own".to_owned(),
        own => format!("; {own} codes have review thresholds of their own"),
    };
    format!("review above {review}, accept {accept}{own}")
}

fn calibration(calibration: &Calibration) -> String {
    match calibration {
        Calibration::None => "none".to_owned(),
        Calibration::Temperature { scale } => format!("temperature, scale {scale}"),
        Calibration::Platt { scale, shift } => format!("Platt, scale {scale}, shift {shift}"),
        Calibration::Isotonic { logits, .. } => format!("isotonic, {} points", logits.len()),
        _ => "of a kind that is not known here".to_owned(),
    }
}

/// What thresholds and calibration rest on, and what was promised of accepted codes.
fn tuned(tuned: &Tuned) -> String {
    let Tuned { charts, codes, gold, objective, .. } = tuned;
    let date = tuned.date.as_ref().map_or_else(String::new, |date| format!(", {date}"));
    let found = format!(
        "on {charts} charts with {codes} gold codes ({gold}){date}; for {objective}, micro F1 \
         {:.3} cross-validated",
        tuned.micro_f1
    );
    let promise = tuned.accept.map_or_else(String::new, |accept| {
        format!(
            "\n            at most {:.1} % of accepted codes are wrong, with {:.1} % confidence: \
             found on {} codes of {} charts, {:.1} % of the suggested codes",
            100.0 * accept.error_at_most,
            100.0 * accept.confidence,
            accept.codes,
            accept.charts,
            100.0 * accept.automation_rate,
        )
    });
    found + &promise
}

/// What happens to the text before the encoder, where anything does.
pub(super) fn text(manifest: &Manifest) -> String {
    let preprocess = match manifest.preprocess {
        Preprocess::None => "",
        Preprocess::Mullenbach => "lower case, letters and digits only, no numbers (mullenbach)",
        Preprocess::Caml => "lower case, words only, no numbers (caml)",
    };
    let padding = match manifest.padding_mode {
        PaddingMode::Head => "padding seen by the head",
        PaddingMode::EncoderAndHead => "padding seen by encoder and head",
        PaddingMode::HeadExtraWindow => "padding, and a window of it, seen by the head",
        _ => "",
    };
    let limit = match manifest.limit {
        Some(ReadLimit::Tokens(most)) => format!("the first {most} tokens"),
        Some(ReadLimit::Words(most)) => format!("the first {most} words"),
        _ => String::new(),
    };
    let parts = [preprocess, &limit, padding];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

pub(super) fn windows(manifest: &Manifest) -> String {
    let rule = manifest.windows;
    if rule.max_tokens() == WindowRule::NO_LIMIT {
        return "the chart as a whole".to_owned();
    }
    let kind = match rule {
        WindowRule::Fixed { .. } => "fixed length",
        WindowRule::Sentence { .. } => "a sentence each",
        WindowRule::Document { .. } => "the chart as a whole cut up",
    };
    format!("{kind}, at most {} tokens, overlap {}", rule.max_tokens(), rule.overlap())
}
