//! A stream of charts, coded in bounded memory.

use std::collections::VecDeque;

use crate::chart::Chart;
use crate::engine::{Answer, Engine};
use crate::error::Result;
use crate::report::Report;

/// Charts are taken from the stream until their text adds up to this, then coded together.
const GROUP_BYTES: usize = 64 * 1024;

/// ... or until there are this many, however short: the logits of 75,000 labels are 300 kB a chart.
const GROUP_CHARTS: usize = 256;

/// Answers to a stream of charts, in the order of the charts: reports, see [`Engine::code_batch`],
/// or logits, see [`Engine::logits_batch`].
///
/// It takes no chart from the stream before the last one's answer was asked for, beyond the
/// group that it codes together (64 KiB of text).
#[derive(Debug)]
pub struct CodeBatch<'e, I, T = Report> {
    engine: &'e Engine,
    charts: I,
    answer: Answer<T>,
    ready: VecDeque<(Chart, Result<T>)>,
}

impl<'e, I: Iterator<Item = Chart>, T> CodeBatch<'e, I, T> {
    pub(crate) fn new(engine: &'e Engine, charts: I, answer: Answer<T>) -> Self {
        Self { engine, charts, answer, ready: VecDeque::new() }
    }

    fn group(&mut self) -> Vec<Chart> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while bytes < GROUP_BYTES && group.len() < GROUP_CHARTS {
            let Some(chart) = self.charts.next() else {
                break;
            };
            bytes += chart.text().len();
            group.push(chart);
        }
        group
    }
}

impl<I: Iterator<Item = Chart>, T: Send> Iterator for CodeBatch<'_, I, T> {
    type Item = (Chart, Result<T>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            let mut group = self.group();
            // A long chart is coded by itself, segment by segment.
            let long = group.pop_if(|chart| chart.text().len() >= GROUP_BYTES);
            let answers = self.engine.answer_group(&group, self.answer);
            self.ready.extend(group.into_iter().zip(answers));
            self.ready.extend(long.map(|chart| {
                let answer = self.engine.answer_one(&chart, self.answer);
                (chart, answer)
            }));
        }
        self.ready.pop_front()
    }
}
