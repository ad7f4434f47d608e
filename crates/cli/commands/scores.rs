//! `chartcode scores`: every label's logit.

use std::io::{BufWriter, Write as _};

use serde::Serialize;

use crate::args::ScoresArgs;
use crate::commands::{for_each_chart, load};
use crate::failures::Failures;

#[derive(Serialize)]
struct Scores<'a> {
    id: &'a str,
    labels: &'a [&'a str],
    logits: &'a [f32],
}

pub(crate) fn run(args: &ScoresArgs) -> anyhow::Result<Failures> {
    let engine = load(&args.engine, args.engine.options())?;
    engine.require_head()?;
    let labels: Vec<&str> = engine.labels().codes().collect();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let failures = for_each_chart(&args.charts, |chart| {
        let logits = engine.logits(chart)?;
        let scores = Scores { id: chart.id(), labels: &labels, logits: &logits };
        serde_json::to_writer(&mut out, &scores)?;
        Ok(out.write_all(b"\n")?)
    })?;
    out.flush()?;
    Ok(failures)
}
