//! `chartcode fit`: a head of a site's own, on its own charts.

mod charts;
mod dev;
mod write;

pub(crate) use charts::ChartsSummary;
pub(crate) use dev::DevSummary;

use std::io::Write as _;

use anyhow::{Context as _, bail};
use chartcode::{Bundle, Engine};
use chartcode_train::fit::{self, FitEvent, FitOptions, Form, Inputs};

use crate::args::FitArgs;
use crate::commands::bundle;
use crate::eval_args::EvalFormat;
use crate::failures::{self, Failures};
use crate::fit_args::InputsArg;
use crate::output::fitting::{self, FitReport};
use crate::progress::Progress;

pub(crate) fn run(args: &FitArgs) -> anyhow::Result<Failures> {
    let failures = Failures::default();
    Bundle::check_new(&args.output)?;
    let path = bundle(args.engine.bundle.as_deref())?;
    let engine = Engine::load(&path, args.engine.options())?;
    let options = options(args)?;
    let read = charts::read(args, &engine, &options.inputs, &failures)?;
    let fitted = fitted(args, &engine, &read, &options)?;
    let bundle = Bundle::open(&path)?;
    if bundle.digest() != engine.stamp().bundle_digest {
        bail!("{} changed while a head was being fitted on it", path.display());
    }
    write::write(args, &bundle, &engine, &read, &fitted)?;
    if let Some(cache) = read.cache {
        cache.remove()?;
    }
    let dev = args.dev.as_deref().map(|dev| dev::measure(args, dev, &failures)).transpose()?;
    let report = FitReport::new(&read.summary, &fitted, dev);
    let mut out = std::io::stdout().lock();
    match args.format {
        EvalFormat::Table => fitting::print(&report, &mut out)?,
        EvalFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &report)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    failures::note(&format!("the bundle is in {}", args.output.display()));
    Ok(failures)
}

fn options(args: &FitArgs) -> anyhow::Result<FitOptions> {
    if !args.strength.iter().all(|&strength| strength > 0.0 && strength.is_finite()) {
        bail!("--strength takes numbers above 0");
    }
    let mut strengths = args.strength.clone();
    strengths.sort_by(f64::total_cmp);
    strengths.dedup();
    Ok(FitOptions {
        inputs: match args.inputs {
            InputsArg::Auto => vec![Inputs::Text, Inputs::Both],
            InputsArg::Text => vec![Inputs::Text],
            InputsArg::Encoder => vec![Inputs::Encoder],
            InputsArg::Both => vec![Inputs::Both],
        },
        strengths,
        forms: Vec::new(),
        folds: args.folds as usize,
        seed: args.seed,
    })
}

/// Fits on as many threads as the engine has.
fn fitted(
    args: &FitArgs,
    engine: &Engine,
    read: &charts::Charts,
    options: &FitOptions,
) -> anyhow::Result<fit::Fit> {
    let labels = read.labels.len();
    let options = &FitOptions { forms: Form::suited(&read.examples, labels), ..options.clone() };
    let trials = options.inputs.len() * options.forms.len();
    let progress = Progress::of_work(labels * options.folds * trials, args.quiet);
    progress.step("cross-validating");
    let on_event = |event| match event {
        FitEvent::LabelFitted => progress.advance(),
        FitEvent::Chosen => progress.step("fitting on all charts"),
        _ => {}
    };
    let threads = rayon::ThreadPoolBuilder::new().num_threads(engine.threads()).build();
    let threads = threads.context("cannot start threads")?;
    let fit = || fit::fit(&read.examples, labels, options, &on_event);
    Ok(threads.install(fit)?)
}
