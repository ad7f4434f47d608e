//! The `chartcode` command.

mod args;
mod codes_args;
mod commands;
mod eval_args;
mod failures;
mod fit_args;
#[cfg(feature = "hub")]
mod hub;
mod import_args;
mod input;
mod journal;
mod output;
mod progress;
mod train_args;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};

/// Everything was done.
const DONE: u8 = 0;
/// Some charts failed; each was named, the others are done.
const SOME_FAILED: u8 = 1;
/// Nothing could be done: the call or the bundle is at fault.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    keep_charts_out_of_panics();
    let result = match Args::parse().command {
        Command::Code(args) => commands::code::run(&args),
        Command::Scores(args) => commands::scores::run(&args),
        Command::Embed(args) => commands::embed::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Compare(args) => commands::compare::run(&args),
        Command::Agree(args) => commands::agree::run(&args),
        Command::Fit(args) => commands::fit::run(&args),
        Command::Tune(args) => commands::tune::run(&args),
        Command::Train(args) => commands::train::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::Codes(args) => commands::codes::run(&args),
        Command::Precisions(args) => commands::precisions::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
    };
    match result {
        Ok(failed) if failed.is_empty() => ExitCode::from(DONE),
        Ok(failed) => {
            failed.summarise();
            ExitCode::from(SOME_FAILED)
        }
        // Whoever reads our output has read enough: `chartcode code … | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::from(DONE),
        Err(error) => {
            failures::report(&format!("{error:#}"));
            ExitCode::from(UNUSABLE)
        }
    }
}

/// A panic's own message may quote what was worked on, and that is a chart: it says only where.
fn keep_charts_out_of_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |place| format!(" at {place}"));
        failures::report(&format!("chartcode has a bug{place}: please report it"));
    }));
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json =
            cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(BrokenPipe)
    })
}
