//! A stream of charts, coded in bounded memory.

use std::collections::VecDeque;

use crate::chart::Chart;
use crate::engine::Engine;
use crate::error::Result;
use crate::report::Report;

/// Charts are taken from the stream until their text adds up to this, then coded together.
const GROUP_BYTES: usize = 64 * 1024;

/// Reports of a stream of charts, in the order of the charts; see [`Engine::code_batch`].
///
/// It takes no chart from the stream before the last one's report was asked for, beyond the
/// group that it codes together (64 KiB of text).
#[derive(Debug)]
pub struct CodeBatch<'e, I> {
    engine: &'e Engine,
    charts: I,
    ready: VecDeque<(Chart, Result<Report>)>,
}

impl<'e, I: Iterator<Item = Chart>> CodeBatch<'e, I> {
    pub(crate) fn new(engine: &'e Engine, charts: I) -> Self {
        Self { engine, charts, ready: VecDeque::new() }
    }

    fn group(&mut self) -> Vec<Chart> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while bytes < GROUP_BYTES {
            let Some(chart) = self.charts.next() else {
                break;
            };
            bytes += chart.text().len();
            group.push(chart);
        }
        group
    }
}

impl<I: Iterator<Item = Chart>> Iterator for CodeBatch<'_, I> {
    type Item = (Chart, Result<Report>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            let mut group = self.group();
            // A long chart is coded by itself, segment by segment.
            let long = group.pop_if(|chart| chart.text().len() >= GROUP_BYTES);
            let engine = self.engine;
            let reports = engine.install(|| engine.code_group(&group));
            self.ready.extend(group.into_iter().zip(reports));
            self.ready.extend(long.map(|chart| {
                let report = engine.code(&chart);
                (chart, report)
            }));
        }
        self.ready.pop_front()
    }
}
