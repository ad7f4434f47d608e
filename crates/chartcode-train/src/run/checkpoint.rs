//! Checkpoints: everything that a training needs to go on as if it had not been interrupted.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::settings::{Settings, digest_of};
use super::state::State;
use crate::error::{Error, Result};

const PREFIX: &str = "checkpoint-";
const PART: &str = "checkpoint.part";
const TENSORS: &str = "tensors.safetensors";
const STATE: &str = "state.json";
/// So many are kept: the newest, and the one before in case the newest is damaged.
const KEPT: usize = 2;

/// A checkpoint as it was read.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) state: State,
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StateFile {
    settings: Settings,
    state: State,
    /// sha256 of the tensors' file.
    sha256: String,
}

/// Writes a checkpoint and removes those before the last two.
pub(crate) fn write(
    folder: &Path,
    settings: &Settings,
    state: &State,
    tensors: &HashMap<String, Tensor>,
) -> Result<()> {
    let part = folder.join(PART);
    let failed = |source| Error::Write { path: part.clone(), source };
    if part.exists() {
        fs::remove_dir_all(&part).map_err(failed)?;
    }
    fs::create_dir_all(&part).map_err(failed)?;
    let path = part.join(TENSORS);
    candle_core::safetensors::save(tensors, &path)
        .map_err(|source| Error::Tensor { stage: "writing a checkpoint", source })?;
    let file =
        StateFile { settings: settings.clone(), state: state.clone(), sha256: digest_of(&path)? };
    let text = serde_json::to_vec_pretty(&file).map_err(|error| failed(error.into()))?;
    fs::write(part.join(STATE), text).map_err(failed)?;
    // The rename must not reach the disk before what is in the folder.
    for name in [TENSORS, STATE] {
        File::open(part.join(name)).and_then(|file| file.sync_all()).map_err(failed)?;
    }
    let place = folder.join(format!("{PREFIX}{:08}", state.step));
    if place.exists() {
        // A damaged one of the same step, or it would have been taken up.
        fs::remove_dir_all(&place).map_err(failed)?;
    }
    fs::rename(&part, &place).map_err(failed)?;
    let old = list(folder)?.into_iter().rev().skip(KEPT);
    old.into_iter().try_for_each(|path| fs::remove_dir_all(path).map_err(failed))
}

/// The newest checkpoint that can be read, and what is to be said of those that cannot.
///
/// # Errors
/// [`Error::OtherSettings`]; [`Error::Damaged`] where there are some and none can be read.
pub(crate) fn newest(
    folder: &Path,
    settings: &Settings,
    device: &Device,
) -> Result<(Option<Checkpoint>, Vec<String>)> {
    let mut notes = Vec::new();
    if folder.join(PART).exists() {
        notes.push(format!("{PART} was left by an interruption: it is not used"));
    }
    let mut newest_problem = None;
    for path in list(folder)?.into_iter().rev() {
        match read(&path, settings, device)? {
            Ok(checkpoint) => return Ok((Some(checkpoint), notes)),
            Err(problem) => {
                notes.push(format!("{} is damaged and not used: {problem}", name(&path)));
                newest_problem.get_or_insert(problem);
            }
        }
    }
    match newest_problem {
        Some(problem) => Err(Error::Damaged { path: folder.to_owned(), problem }),
        None => Ok((None, notes)),
    }
}

/// Removes all checkpoints: training is done.
pub(crate) fn remove_all(folder: &Path) -> Result<()> {
    let part = Some(folder.join(PART)).filter(|part| part.exists());
    for path in list(folder)?.into_iter().chain(part) {
        fs::remove_dir_all(&path).map_err(|source| Error::Write { path, source })?;
    }
    Ok(())
}

/// All checkpoints, oldest first.
fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::Read { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let number = name(&path).strip_prefix(PREFIX).and_then(|rest| rest.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| path.is_dir()) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The inner error says how a checkpoint is damaged.
fn read(
    path: &Path,
    settings: &Settings,
    device: &Device,
) -> Result<std::result::Result<Checkpoint, String>> {
    let Ok(text) = fs::read(path.join(STATE)) else {
        return Ok(Err(format!("it has no {STATE}")));
    };
    let Ok(file) = serde_json::from_slice::<StateFile>(&text) else {
        return Ok(Err(format!("{STATE} is not valid")));
    };
    settings.check_same(&file.settings, path.parent().unwrap_or(path))?;
    let tensors = path.join(TENSORS);
    match digest_of(&tensors) {
        Ok(found) if found == file.sha256 => {}
        Ok(_) => return Ok(Err(format!("{TENSORS} is not what was written"))),
        Err(_) => return Ok(Err(format!("it has no {TENSORS}"))),
    }
    let tensors = candle_core::safetensors::load(&tensors, device)
        .map_err(|source| Error::Tensor { stage: "reading a checkpoint", source })?;
    Ok(Ok(Checkpoint { state: file.state, tensors: tensors.into_iter().collect() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(folder: &Path, step: u64, seed: u64) {
        let state = State { step, ..State::default() };
        let settings = Settings::default().with("seed", &seed);
        let tensor = Tensor::new(&[step as f32, 0.5], &Device::Cpu).unwrap();
        write(folder, &settings, &state, &HashMap::from([("a".to_owned(), tensor)])).unwrap();
    }

    fn load(folder: &Path, seed: u64) -> Result<(Option<Checkpoint>, Vec<String>)> {
        newest(folder, &Settings::default().with("seed", &seed), &Device::Cpu)
    }

    #[test]
    fn the_last_two_are_kept_and_the_newest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(load(folder.path(), 1).unwrap().0.is_none());
        (1..=3).for_each(|step| save(folder.path(), step, 1));
        assert_eq!(list(folder.path()).unwrap().len(), 2);
        let (checkpoint, notes) = load(folder.path(), 1).unwrap();
        let checkpoint = checkpoint.unwrap();
        assert_eq!(checkpoint.state.step, 3);
        assert_eq!(checkpoint.tensors["a"].to_vec1::<f32>().unwrap(), [3.0, 0.5]);
        assert!(notes.is_empty());
        remove_all(folder.path()).unwrap();
        assert!(load(folder.path(), 1).unwrap().0.is_none());
    }

    #[test]
    fn a_torn_one_is_told_of_and_the_one_before_is_read() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), 1, 1);
        save(folder.path(), 2, 1);
        let torn = folder.path().join("checkpoint-00000002").join(TENSORS);
        let bytes = fs::read(&torn).unwrap();
        fs::write(&torn, &bytes[..bytes.len() - 1]).unwrap();
        fs::create_dir(folder.path().join(PART)).unwrap();
        let (checkpoint, notes) = load(folder.path(), 1).unwrap();
        assert_eq!(checkpoint.unwrap().state.step, 1);
        assert!(notes[0].contains(PART) && notes[1].contains("checkpoint-00000002"), "{notes:?}");
        fs::remove_file(folder.path().join("checkpoint-00000001").join(STATE)).unwrap();
        let error = load(folder.path(), 1).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }

    #[test]
    fn one_of_other_settings_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), 1, 1);
        let error = load(folder.path(), 2).unwrap_err().to_string();
        assert!(error.contains("seed 1, this one has 2"), "{error}");
    }
}
