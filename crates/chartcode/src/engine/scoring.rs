//! Steps 4 to 6: windows of a chart, or of several, → logits.

use std::time::Instant;

use rayon::prelude::*;

use super::Engine;
use crate::batch::{self, Window};
use crate::chart::Chart;
use crate::encoder::Input;
use crate::error::{Error, Result};
use crate::head::{Head, State, Wanted, WindowFeatures};
use crate::prepare::Prepared;
use crate::report::Report;

/// Tokens that one thread encodes at a time. More would not make the products faster, only
/// push their operands out of the cache.
const BATCH_TOKENS: usize = 1024;

/// Tokens whose features are held at a time: memory stays bounded however long a chart is.
const SEGMENT_TOKENS: usize = 16 * 1024;

/// Where the time of one chart went, up to its logits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StageSeconds {
    /// Tokens of the chart.
    pub tokens: usize,
    /// Windows that it was encoded in.
    pub windows: usize,
    /// Seconds of tokenising and cutting into windows.
    pub prepare: f64,
    /// Seconds of the encoder, and of what the head pools from hidden states.
    pub encode: f64,
    /// Seconds of the head.
    pub head: f64,
}

/// A chart's logits with what is needed to find the passages behind them.
pub(crate) struct Scored {
    pub(crate) logits: Vec<f32>,
    pub(crate) state: State,
    /// The windows' features, where the chart was short enough to keep them.
    pub(crate) features: Option<Vec<WindowFeatures>>,
}

/// What is made of a chart that was scored.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// Which logits it needs.
    needs: Needs,
    make: fn(&Engine, &Chart, &Prepared, &Scored) -> Result<T>,
}

/// Which logits an answer needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Those of every label.
    All,
    /// Those of the labels that a report is about.
    Reported,
}

impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Answer<T> {}

/// Its logits and nothing else.
pub(super) const ALL_LOGITS: Answer<Vec<f32>> =
    Answer { needs: Needs::All, make: |_, _, _, scored| Ok(scored.logits.clone()) };

/// Its report.
pub(super) const REPORT: Answer<Report> = Answer { needs: Needs::Reported, make: Engine::report };

impl Engine {
    /// Steps 4 to 6 for one chart.
    fn score(&self, chart: &Chart, prepared: &Prepared, needs: Needs) -> Result<Scored> {
        let head = self.head()?;
        let mut state = head.start(prepared.read(chart.text()));
        let mut features = Vec::new();
        for segment in segments(&prepared.windows) {
            features = self.segment_features(head, segment)?;
            self.absorb((head, needs), &mut state, &features, prepared)?;
        }
        let is_whole = features.len() == prepared.windows.len();
        self.finish(chart, head, state, is_whole.then_some(features))
    }

    /// Takes in a segment of a chart; one that is the whole chart, without the labels that are not
    /// needed.
    fn absorb(
        &self,
        (head, needs): (&Head, Needs),
        state: &mut State,
        segment: &[WindowFeatures],
        prepared: &Prepared,
    ) -> Result<()> {
        if segment.len() == prepared.windows.len()
            && let Some(found) = self.find(head, segment, needs)
        {
            *state = found;
            return Ok(());
        }
        head.absorb(state, segment)
    }

    /// The state of a whole chart without the labels that a report does not need, where such are
    /// to be ruled out and can be.
    fn find(&self, head: &Head, features: &[WindowFeatures], needs: Needs) -> Option<State> {
        if !self.prune || needs == Needs::All {
            return None;
        }
        let cut = |label: usize| self.cuts.review(label);
        let wanted = self.top.map_or(Wanted::AtLeast(&cut), Wanted::Best);
        let (state, counted) = head.find(features, wanted)?;
        self.pruned.add(counted);
        Some(state)
    }

    /// As [`Engine::score`], with the seconds that each stage took.
    pub(super) fn time(&self, chart: &Chart) -> Result<StageSeconds> {
        let head = self.head()?;
        let mut seconds = StageSeconds::default();
        let mut clock = Instant::now();
        let mut lap = |stage: &mut f64| {
            *stage += clock.elapsed().as_secs_f64();
            clock = Instant::now();
        };
        let prepared = self.prepare(chart)?;
        (seconds.tokens, seconds.windows) = (prepared.tokens.len(), prepared.windows.len());
        lap(&mut seconds.prepare);
        let mut state = head.start(prepared.read(chart.text()));
        for segment in segments(&prepared.windows) {
            let features = self.segment_features(head, segment)?;
            lap(&mut seconds.encode);
            self.absorb((head, Needs::Reported), &mut state, &features, &prepared)?;
            lap(&mut seconds.head);
        }
        self.finish(chart, head, state, None)?;
        lap(&mut seconds.head);
        Ok(seconds)
    }

    /// One chart's answer, with all threads.
    pub(crate) fn answer<T: Send>(
        &self,
        chart: &Chart,
        needs: Needs,
        answer: impl FnOnce(&Self, &Chart, &Prepared, &Scored) -> Result<T> + Send,
    ) -> Result<T> {
        self.threads.install(|| {
            let prepared = self.prepare(chart)?;
            answer(self, chart, &prepared, &self.score(chart, &prepared, needs)?)
        })
    }

    /// As [`Engine::answer`].
    pub(crate) fn answer_one<T: Send>(&self, chart: &Chart, answer: Answer<T>) -> Result<T> {
        self.answer(chart, answer.needs, answer.make)
    }

    /// The answers of several charts at once: their windows share batches.
    pub(crate) fn answer_group<T: Send>(
        &self,
        charts: &[Chart],
        answer: Answer<T>,
    ) -> Vec<Result<T>> {
        self.threads.install(|| {
            let prepared: Vec<Result<Prepared>> =
                charts.par_iter().map(|chart| self.prepare(chart)).collect();
            let windows: Vec<&Window> =
                prepared.iter().flatten().flat_map(|prepared| &prepared.windows).collect();
            let Ok(features) = self.head().and_then(|head| self.features(head, &windows)) else {
                // Of one chart's failure the others must not suffer: each is tried alone.
                return charts.iter().map(|chart| self.answer_one(chart, answer)).collect();
            };
            let mut rest = features.into_iter();
            let mut answers = Vec::with_capacity(charts.len());
            for (chart, prepared) in charts.iter().zip(prepared) {
                answers.push(prepared.and_then(|prepared| {
                    let own = rest.by_ref().take(prepared.windows.len()).collect();
                    let scored = self.score_features(chart, (&prepared, own), answer.needs)?;
                    (answer.make)(self, chart, &prepared, &scored)
                }));
            }
            answers
        })
    }

    /// Step 6 for one chart whose windows are encoded, in the same segments as [`Engine::score`].
    fn score_features(
        &self,
        chart: &Chart,
        (prepared, features): (&Prepared, Vec<WindowFeatures>),
        needs: Needs,
    ) -> Result<Scored> {
        let head = self.head()?;
        let mut state = head.start(prepared.read(chart.text()));
        let mut rest = features.as_slice();
        for segment in segments(&prepared.windows) {
            let (own, behind) = rest.split_at(segment.len());
            rest = behind;
            self.absorb((head, needs), &mut state, own, prepared)?;
        }
        self.finish(chart, head, state, Some(features))
    }

    /// The features of one segment's windows.
    pub(crate) fn segment_features(
        &self,
        head: &Head,
        segment: &[Window],
    ) -> Result<Vec<WindowFeatures>> {
        let windows: Vec<&Window> = segment.iter().collect();
        self.features(head, &windows)
    }

    /// Encodes the windows that the head needs in batches, on all threads; the features come back
    /// in the windows' order.
    fn features(&self, head: &Head, windows: &[&Window]) -> Result<Vec<WindowFeatures>> {
        let mut features: Vec<Option<WindowFeatures>> =
            windows.iter().map(|window| head.unread(window)).collect();
        let due = windows.iter().zip(&features).filter(|(_, unread)| unread.is_none());
        let due: Vec<&Window> = due.map(|(&window, _)| window).collect();
        let encoded = self.in_batches(&due, |hidden, batch| head.features(hidden, batch))?;
        features.iter_mut().filter(|own| own.is_none()).zip(encoded).for_each(|(own, encoded)| {
            *own = Some(encoded);
        });
        Ok(features.into_iter().flatten().collect())
    }

    /// Encodes windows in batches and applies `pool` to each batch's hidden states `[rows, H]`,
    /// which gives one value a window; they come back in the windows' order.
    pub(crate) fn in_batches<T: Send>(
        &self,
        windows: &[&Window],
        pool: impl Fn(&candle_core::Tensor, &[&Window]) -> Result<Vec<T>> + Sync,
    ) -> Result<Vec<T>> {
        let lengths: Vec<usize> = windows.iter().map(|window| window.ids.len()).collect();
        let batches = batch::pack(&lengths, BATCH_TOKENS, rayon::current_num_threads());
        let pooled: Vec<(usize, T)> = batches
            .into_par_iter()
            .map(|batch| {
                let members: Vec<&Window> = batch.iter().map(|&index| windows[index]).collect();
                let inputs: Vec<Input<'_>> = members.iter().map(|w| w.input()).collect();
                let pooled = pool(&self.encoder.encode(&inputs)?, &members)?;
                Ok(batch.into_iter().zip(pooled).collect::<Vec<_>>())
            })
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        let mut ordered: Vec<Option<T>> = (0..windows.len()).map(|_| None).collect();
        for (index, value) in pooled {
            ordered[index] = Some(value);
        }
        Ok(ordered.into_iter().flatten().collect())
    }

    fn finish(
        &self,
        chart: &Chart,
        head: &Head,
        state: State,
        features: Option<Vec<WindowFeatures>>,
    ) -> Result<Scored> {
        let logits = head.logits(&state)?;
        // Those of labels that were left out are −∞.
        let is_wrong = |(label, logit): (usize, &f32)| !logit.is_finite() && state.has(label);
        match logits.iter().enumerate().position(is_wrong) {
            None => Ok(Scored { logits, state, features }),
            Some(label) => Err(Error::NotFiniteLogit {
                id: chart.id().to_owned(),
                label: self.labels.code(label).to_owned(),
            }),
        }
    }
}

/// Runs of windows of at most [`SEGMENT_TOKENS`] tokens.
pub(crate) fn segments(windows: &[Window]) -> impl Iterator<Item = &[Window]> {
    let mut rest = windows;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fits = |window: &Window| {
            tokens += window.ids.len();
            tokens <= SEGMENT_TOKENS
        };
        let count = rest.iter().map(fits).take_while(|&fits| fits).count().max(1).min(rest.len());
        let (segment, behind) = rest.split_at(count);
        rest = behind;
        (!segment.is_empty()).then_some(segment)
    })
}
