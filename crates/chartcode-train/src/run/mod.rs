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

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The folder of a training and what is in it.
#[derive(Clone, Debug)]
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    /// The folder, made if it is not there; refused where it holds a finished training.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let folder = Self(path.to_owned());
        if folder.bundle().exists() {
            return Err(Error::Exists { path: folder.bundle() });
        }
        let made = std::fs::create_dir_all(path);
        made.map_err(|source| Error::Write { path: path.to_owned(), source })?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The bundle that training ends with.
    pub(crate) fn bundle(&self) -> PathBuf {
        self.0.join("bundle")
    }

    fn log(&self) -> PathBuf {
        self.0.join("train.jsonl")
    }

    fn plot(&self) -> PathBuf {
        self.0.join("train.svg")
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
