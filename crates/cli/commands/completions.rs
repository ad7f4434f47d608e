//! `chartcode completions`: completion scripts.

use clap::CommandFactory as _;

use crate::args::{Args, CompletionsArgs};
use crate::failures::Failures;

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Failures> {
    // To memory first: the generator panics where its output is closed early.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "chartcode", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script)?;
    Ok(Failures::default())
}
