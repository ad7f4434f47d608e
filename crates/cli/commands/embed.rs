//! `chartcode embed`: vectors of charts and windows.

use std::io::{BufWriter, Write as _};

use chartcode::WindowEmbedding;
use serde::Serialize;

use crate::args::EmbedArgs;
use crate::commands::{for_each_chart, load};
use crate::failures::Failures;

#[derive(Serialize)]
struct Vectors<'a> {
    id: &'a str,
    embedding: &'a [f32],
    #[serde(skip_serializing_if = "Option::is_none")]
    windows: Option<&'a [WindowEmbedding]>,
}

pub(crate) fn run(args: &EmbedArgs) -> anyhow::Result<Failures> {
    let engine = load(&args.engine, args.engine.options())?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let failures = for_each_chart(&args.charts, |chart| {
        let embedding = engine.embed(chart)?;
        let vectors = Vectors {
            id: chart.id(),
            embedding: &embedding.chart,
            windows: args.windows.then_some(embedding.windows.as_slice()),
        };
        serde_json::to_writer(&mut out, &vectors)?;
        Ok(out.write_all(b"\n")?)
    })?;
    out.flush()?;
    Ok(failures)
}
