//! Writes an imported checkpoint as a bundle.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::files::MANIFEST;
use super::findings::Findings;
use super::folder::{self, CARD};
use super::import::Import;
use super::manifest::Manifest;
use super::tokenizer_files::TOKENIZER;
use super::weights::Weights;
use super::{Bundle, CONFIG};
use crate::error::{Error, Result};

/// The label file of an imported bundle.
pub(super) const LABELS: &str = "labels.tsv";
pub(super) const WEIGHTS: &str = "model.safetensors";

/// How a bundle stores its weights. They are computed with in f32 whatever this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StoredAs {
    /// As the checkpoint has them; f64 as f32.
    #[default]
    Keep,
    /// 32 bits.
    F32,
    /// 16 bits, IEEE.
    F16,
    /// 16 bits, the upper half of f32.
    Bf16,
    /// Matrices in 8 bits with a scale a row, the rest as the checkpoint has them.
    Int8,
}

/// A tensor in the form it is written in.
struct Written<'w> {
    key: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Cow<'w, [u8]>,
}

pub(super) fn write(
    import: &Import,
    findings: &Findings,
    out: &Path,
    precision: StoredAs,
) -> Result<()> {
    let names = [CONFIG, TOKENIZER, WEIGHTS, LABELS, CARD, MANIFEST];
    folder::write_new(out, &names, |part| write_files(import, findings, part, precision))
}

fn write_files(
    import: &Import,
    findings: &Findings,
    folder: &Path,
    precision: StoredAs,
) -> Result<()> {
    let bundle = &import.bundle;
    let mut sums = BTreeMap::new();
    let mut put = |name: &str, bytes: &[u8]| {
        sums.insert(name.to_owned(), folder::put(folder, name, bytes)?);
        Ok(())
    };
    put(CONFIG, &import.config_bytes)?;
    put(TOKENIZER, bundle.tokenizer.to_json(&folder.join(TOKENIZER))?.as_bytes())?;
    put(WEIGHTS, &tensors(&bundle.encoder_weights, precision)?)?;
    if bundle.manifest.labels.is_some() {
        put(LABELS, bundle.labels.to_tsv().as_bytes())?;
    }
    put(CARD, card(bundle, findings).as_bytes())?;
    folder::put_manifest(folder, &Manifest { files: sums, ..bundle.manifest.clone() })
}

/// The tensors that the model uses, as a safetensors file.
fn tensors(weights: &Weights, precision: StoredAs) -> Result<Vec<u8>> {
    let mut written = Vec::new();
    for key in weights.used() {
        let Some((dtype, shape, bytes)) = weights.stored(&key) else {
            continue;
        };
        let is_matrix = shape.len() == 2 && shape[0] > 1;
        let target = match precision {
            StoredAs::Keep | StoredAs::Int8 if dtype == Dtype::F64 => Dtype::F32,
            StoredAs::Keep | StoredAs::Int8 => dtype,
            StoredAs::F32 => Dtype::F32,
            StoredAs::F16 => Dtype::F16,
            StoredAs::Bf16 => Dtype::BF16,
        };
        if precision == StoredAs::Int8 && is_matrix && dtype != Dtype::I8 {
            written.extend(quantised(&key, shape, &weights.floats(&key, shape)?));
            continue;
        }
        // An int8 matrix of the source stays one: its scales are used, too.
        let is_quantised = matches!(dtype, Dtype::I8) || weights.is_scale(&key);
        let (dtype, bytes) = if target == dtype || is_quantised {
            (dtype, Cow::Borrowed(bytes))
        } else {
            (target, Cow::Owned(encoded(&weights.floats(&key, shape)?, target)))
        };
        written.push(Written { key, dtype, shape: shape.to_vec(), bytes });
    }
    let views = written
        .iter()
        .map(|tensor| {
            TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)
                .map(|view| (tensor.key.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>();
    views
        .and_then(|views| safetensors::serialize(views, None))
        .map_err(|source| Error::Weights { path: weights.path().to_owned(), source })
}

fn encoded(floats: &[f32], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F16 => floats.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect(),
        Dtype::BF16 => floats.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect(),
        _ => floats.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

/// A matrix rounded to 8 bits, symmetric, with one scale a row.
fn quantised(key: &str, shape: &[usize], floats: &[f32]) -> [Written<'static>; 2] {
    let mut values = Vec::with_capacity(floats.len());
    let mut scales = Vec::with_capacity(shape[0] * 4);
    for row in floats.chunks_exact(shape[1].max(1)) {
        let highest = row.iter().fold(0.0_f32, |highest, x| highest.max(x.abs()));
        let scale = if highest > 0.0 { highest / 127.0 } else { 1.0 };
        values.extend(row.iter().map(|x| ((x / scale).round() as i8).cast_unsigned()));
        scales.extend(scale.to_le_bytes());
    }
    let tensor = |key: String, dtype, shape: Vec<usize>, bytes: Vec<u8>| Written {
        key,
        dtype,
        shape,
        bytes: Cow::Owned(bytes),
    };
    [
        tensor(key.to_owned(), Dtype::I8, shape.to_vec(), values),
        tensor(format!("{key}_scale"), Dtype::F32, vec![shape[0]], scales),
    ]
}

fn card(bundle: &Bundle, findings: &Findings) -> String {
    let manifest = &bundle.manifest;
    let list = |items: &[String]| match items.len() {
        0 => "none".to_owned(),
        _ => items.join(", "),
    };
    let labels = findings.labels.as_ref().map_or_else(
        || "none: the bundle embeds charts and codes none".to_owned(),
        |(count, source)| format!("{count}, order from {source}"),
    );
    format!(
        "# {}\n\n{}.\n\n\
         Imported by chartcode {} from {}.\n\n\
         - encoder: {}\n- head: {}\n- labels: {labels}\n- threshold: {}\n- assumed: {}\n\
         - entries of the checkpoint that were left out: {}\n\n\
         Licence of the weights: {}. Data they were trained on: not stated by the checkpoint.\n",
        manifest.id,
        manifest.description,
        env!("CARGO_PKG_VERSION"),
        list(&findings.weights),
        findings.encoder,
        findings.head.as_deref().unwrap_or("none"),
        findings.threshold,
        list(&findings.assumed),
        list(&findings.ignored),
        manifest.licence,
    )
}
