//! The loop that every training goes through: steps, checks on held-out data, checkpoints, a log.

mod checkpoint;
mod event;
mod log;
mod plot;
mod settings;
mod state;
mod trainer;

pub use event::{Event, OnEvent, StepEvent};
pub use trainer::LoopOptions;

pub(crate) use event::{note, tell};
pub(crate) use settings::{Settings, digest_of};
pub(crate) use trainer::{Dev, StepLoss, Task, Trainer, finish};

use std::fs::{File, TryLockError};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The folder of a training and what is in it, for one process at a time.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    /// Locked until it is closed, by whatever end the process comes to.
    _lock: File,
}

const BUNDLE: &str = "bundle";
const LOCK: &str = "train.lock";

impl RunFolder {
    /// The folder, made if it is not there; refused where it holds a finished training.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let bundle = path.join(BUNDLE);
        if bundle.exists() {
            return Err(Error::Exists { path: bundle });
        }
        let failed = |source| Error::Write { path: path.to_owned(), source };
        std::fs::create_dir_all(path).map_err(failed)?;
        let lock = File::create(path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::Busy { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The bundle that training ends with.
    pub(crate) fn bundle(&self) -> PathBuf {
        self.path.join(BUNDLE)
    }

    fn log(&self) -> PathBuf {
        self.path.join("train.jsonl")
    }

    fn plot(&self) -> PathBuf {
        self.path.join("train.svg")
    }
}

/// Writes a file beside its place and moves it there: it is whole or not there.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Runs `work` on so many threads, all of the machine's where none is said.
pub(crate) fn on_threads<T: Send>(
    threads: Option<NonZeroUsize>,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let threads = threads.map_or(0, NonZeroUsize::get);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|source| Error::Threads { threads, source })?
        .install(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_trainings_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = RunFolder::open(folder.path()).unwrap();
        assert!(matches!(RunFolder::open(folder.path()), Err(Error::Busy { .. })));
        drop(first);
        assert!(RunFolder::open(folder.path()).is_ok());
    }
}
