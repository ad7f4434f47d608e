//! Weights as they are published: safetensors, pickles, whole or in shards.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use safetensors::tensor::Dtype;
use serde::Deserialize;

use super::files::Files;
use super::pickle::{self, DType};
use super::problems::KeyProblems;
use super::weights::{Stored, Weights};
use crate::error::{Error, Result};

/// Names that a folder's weights go by, the first that exists is the one.
const NAMES: [&str; 8] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "best_model.pt",
    "final_model.pt",
    "model.pt",
    "model.pth",
];

/// What a training loop saves a state dict under, next to its own things.
const WRAPPERS: [&str; 4] = ["model.", "state_dict.", "model_state_dict.", "net."];

/// A training loop's own things.
const TRAINING: [&str; 6] =
    ["optimizer", "scaler", "scheduler", "lr_scheduler", "optimizer_state_dict", "ema"];

/// Where a training loop keeps the threshold that it tuned.
const THRESHOLDS: [&str; 3] = ["db", "threshold", "decision_boundary"];

/// Weights, and what else their file said.
pub(crate) struct Checkpoint {
    pub(crate) weights: Weights,
    /// The decision threshold that training tuned.
    pub(crate) threshold: Option<f64>,
    /// The files it was read from.
    pub(crate) files: Vec<String>,
    /// Entries of the files that are no weights of the model.
    pub(crate) ignored: Vec<String>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// The file that holds a folder's weights, if any: one of the known names, or the only file
    /// whose ending says so.
    pub(crate) fn find(files: &Files) -> Option<String> {
        if let Some(name) = files.first(&NAMES) {
            return Some(name.to_owned());
        }
        let mut names = std::fs::read_dir(files.folder())
            .ok()?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| {
                let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
                matches!(ending, Some("safetensors" | "pt" | "pth" | "bin"))
                    && name != "training_args.bin"
            });
        let name = names.next()?;
        names.next().is_none().then_some(name)
    }

    /// Reads the weights that `name` holds or, as an index of shards, names.
    pub(crate) fn read(files: &Files, name: &str) -> Result<Self> {
        if name.ends_with(".index.json") {
            return Self::read_shards(files, name);
        }
        let bytes = files.read(name)?;
        let path = files.path(name);
        // The header of a safetensors file begins with its length and a brace; pickles don't.
        let is_safetensors = name.ends_with(".safetensors") || bytes.get(8) == Some(&b'{');
        if !is_safetensors {
            return Self::read_pickle(&path, name, bytes);
        }
        Ok(Self {
            weights: Weights::from_safetensors(&path, bytes)?,
            threshold: None,
            files: vec![name.to_owned()],
            ignored: Vec::new(),
        })
    }

    fn read_shards(files: &Files, name: &str) -> Result<Self> {
        let index: Index = files.json(name)?;
        let shards: BTreeSet<&String> = index.weight_map.values().collect();
        let mut whole: Option<Self> = None;
        for shard in shards {
            if shard.contains(['/', '\\']) || shard.ends_with(".index.json") {
                let problem = format!("names the shard {shard:?}, which is no file beside it");
                return Err(Error::Inconsistent { path: files.path(name), problem });
            }
            let part = Self::read(files, shard)?;
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => {
                    whole.weights.merge(part.weights)?;
                    whole.files.extend(part.files);
                    whole.ignored.extend(part.ignored);
                }
            }
        }
        let Some(mut whole) = whole else {
            let problem = "names no shards".to_owned();
            return Err(Error::Inconsistent { path: files.path(name), problem });
        };
        let ignored: BTreeSet<&String> = whole.ignored.iter().collect();
        let missing = |key: &&String| !whole.weights.contains(key) && !ignored.contains(key);
        let missing: Vec<String> = index.weight_map.keys().filter(missing).cloned().collect();
        if !missing.is_empty() {
            let problems = Box::new(KeyProblems { missing, ..KeyProblems::default() });
            return Err(Error::Checkpoint { path: files.path(name), problems });
        }
        whole.files.insert(0, name.to_owned());
        Ok(whole)
    }

    fn read_pickle(path: &Path, name: &str, bytes: Vec<u8>) -> Result<Self> {
        let pickle = |source| Error::Pickle { path: path.to_owned(), source };
        let content = pickle::read(&bytes).map_err(pickle)?;
        let threshold = THRESHOLDS.iter().find_map(|name| content.number(name, &bytes)).map(short);
        let mut ignored: Vec<String> =
            content.ignored().iter().map(|ignored| ignored.path.clone()).collect();
        // Each of the loop's own things is named once, not tensor by tensor.
        let mut training = BTreeSet::new();
        let mut tensors = Vec::new();
        let mut copies: Vec<Vec<u8>> = Vec::new();
        for tensor in content.tensors() {
            let first_part = tensor.path.split_once('.').map_or("", |(first, _)| first);
            if TRAINING.contains(&first_part) {
                training.insert(first_part);
                continue;
            }
            if THRESHOLDS.contains(&tensor.path.as_str()) {
                continue;
            }
            let Some(dtype) = float(tensor.dtype) else {
                ignored.push(tensor.path.clone());
                continue;
            };
            let (blob, range) = match tensor.bytes(&bytes).map_err(pickle)? {
                Cow::Borrowed(there) => (0, tensor.start..tensor.start + there.len()),
                Cow::Owned(copy) => {
                    let range = 0..copy.len();
                    copies.push(copy);
                    (copies.len(), range)
                }
            };
            let shape = tensor.shape.clone();
            tensors.push((tensor.path.clone(), Stored { dtype, shape, blob, range }));
        }
        ignored.extend(training.into_iter().map(str::to_owned));
        let wrapper = WRAPPERS.iter().find(|wrapper| {
            !tensors.is_empty() && tensors.iter().all(|(key, _)| key.starts_with(**wrapper))
        });
        let blobs = std::iter::once(bytes).chain(copies).collect();
        let weights = Weights::unwrapped(path, blobs, tensors, wrapper.copied())?;
        Ok(Self { weights, threshold, files: vec![name.to_owned()], ignored })
    }
}

/// The shortest decimal for a number that was an f32: 0.3737 instead of 0.37369999289512634.
fn short(number: f64) -> f64 {
    let single = number as f32;
    let decimal = single.to_string().parse().unwrap_or(number);
    if f64::from(single) == number { decimal } else { number }
}

/// The safetensors type of a floating-point one; other tensors are buffers such as position ids.
fn float(dtype: DType) -> Option<Dtype> {
    match dtype {
        DType::F32 => Some(Dtype::F32),
        DType::F16 => Some(Dtype::F16),
        DType::BF16 => Some(Dtype::BF16),
        DType::F64 => Some(Dtype::F64),
        _ => None,
    }
}
