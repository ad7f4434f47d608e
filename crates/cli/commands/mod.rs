//! One file a command.

pub(crate) mod agree;
pub(crate) mod bench;
pub(crate) mod code;
pub(crate) mod codes;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod embed;
pub(crate) mod eval;
pub(crate) mod fit;
mod gold;
pub(crate) mod import;
pub(crate) mod inspect;
mod labels;
pub(crate) mod precisions;
pub(crate) mod scores;
pub(crate) mod train;
pub(crate) mod tune;

use std::path::{Path, PathBuf};

use anyhow::bail;
use chartcode::{Bundle, Chart, Engine, Isa, Options, Precision};

use crate::args::{ChartArgs, EngineArgs, PrecisionArg};
use crate::failures::{self, Failures};
use crate::input::Charts;
use crate::progress::Progress;

/// The default bundle, looked for in the working folder and in the folders above the program.
const DEFAULT_BUNDLE: &str = "models/icd10cm-minilm";

/// The bundle that was named, or the default one.
fn bundle(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let program = std::env::current_exe().unwrap_or_default();
    let found = std::iter::once(Path::new(""))
        .chain(program.ancestors().skip(1))
        .map(|folder| folder.join(DEFAULT_BUNDLE))
        .find(|path| path.is_dir());
    match found {
        Some(path) => Ok(path),
        None => bail!(
            "no {DEFAULT_BUNDLE} in the working folder or above the program: name a bundle with \
             --bundle DIR"
        ),
    }
}

/// Loads the engine that the command line describes.
fn load(args: &EngineArgs, options: Options) -> anyhow::Result<Engine> {
    let mut bundle = Bundle::open(bundle(args.bundle.as_deref())?)?;
    if let Some(profile) = &args.profile {
        bundle = bundle.with_profile(profile)?;
    }
    if !bundle.assumed().is_empty() {
        failures::note(&format!(
            "the bundle has no manifest; assumed: {} (chartcode import writes one)",
            bundle.assumed().join("; ")
        ));
    }
    let options = match args.precision {
        PrecisionArg::Is(_) => options,
        PrecisionArg::Auto => options.precision(auto_precision(&bundle)),
    };
    Ok(Engine::from_bundle(bundle, options)?)
}

/// The fastest precision that the bundle says keeps its codes.
fn auto_precision(bundle: &Bundle) -> Precision {
    let Some(precisions) = &bundle.manifest().precisions else {
        failures::note(
            "the bundle does not say what bf16 and int8 change, so that auto is f32: chartcode \
             precisions measures it",
        );
        return Precision::F32;
    };
    precisions.fastest(Isa::best())
}

/// Applies `work` to each chart; charts that fail are named and counted, the others go on.
fn for_each_chart(
    args: &ChartArgs,
    mut work: impl FnMut(&Chart) -> anyhow::Result<()>,
) -> anyhow::Result<Failures> {
    let failures = Failures::default();
    let progress = Progress::over(args);
    let charts = Charts::new(args);
    let bytes = charts.bytes_read();
    for (count, chart) in charts.enumerate() {
        let fail = |error| progress.suspend(|| failures.add(&error));
        match chart.map(|chart| work(&chart)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.is::<chartcode::Error>() => fail(error),
            // Output that cannot be written ends the run.
            Ok(Err(error)) => return Err(error),
            Err(error) => fail(error),
        }
        progress.set(count + 1, bytes.get());
    }
    Ok(failures)
}
