//! Steps, looks at held-out data, checkpoints, early stopping.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use super::event::{Event, OnEvent, StepEvent, note, tell};
use super::log::{Line, Log};
use super::settings::Settings;
use super::state::{Best, State};
use super::{RunFolder, checkpoint, plot};
use crate::error::{Error, Result, Stage as _};
use crate::optimizer::{AdamW, AdamWOptions, Decay, Schedule};

/// How the loop runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoopOptions {
    /// Steps of the optimizer at most.
    pub steps: u64,
    /// Steps between looks at held-out data.
    pub judge_every: u64,
    /// Steps between checkpoints; one is also written after each look at held-out data.
    pub checkpoint_every: u64,
    /// Looks at held-out data without a better figure after which training ends.
    pub patience: u32,
    /// The encoder's highest learning rate.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises.
    pub warm_up: u64,
    /// How it falls then.
    pub decay: Decay,
    /// The optimizer's constants.
    pub optimizer: AdamWOptions,
    /// Seed of everything that is drawn.
    pub seed: u64,
}

impl Default for LoopOptions {
    /// Values that suit an encoder of base size and a few hundred steps.
    fn default() -> Self {
        Self {
            steps: 1000,
            judge_every: 100,
            checkpoint_every: 100,
            patience: 5,
            learning_rate: 5e-5,
            warm_up: 100,
            decay: Decay::Linear,
            optimizer: AdamWOptions::default(),
            seed: 1,
        }
    }
}

/// What one step came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StepLoss {
    pub(crate) loss: f64,
    pub(crate) tokens: usize,
}

/// Figures on held-out data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dev {
    /// What is to be high.
    pub(crate) score: f64,
    pub(crate) figures: BTreeMap<String, f64>,
}

/// What is trained, and how it is judged.
pub(crate) trait Task {
    /// The parameters, each group with a factor of the learning rate.
    fn groups(&self) -> Vec<(Vec<(String, Var)>, f64)>;

    /// Adds up the gradients of a step, numbered from 0. It must depend on the parameters and the
    /// number alone.
    fn step(&self, step: u64, optimizer: &mut AdamW) -> Result<StepLoss>;

    /// Figures on held-out data.
    fn judge(&self, on_event: OnEvent<'_>) -> Result<Dev>;
}

/// What a training came to; the parameters are the best ones.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) steps: u64,
    pub(crate) stopped_early: bool,
    pub(crate) best: Best,
    /// The step it was taken up at, 0 where it was not.
    pub(crate) resumed_at: u64,
}

pub(crate) struct Trainer<'t> {
    task: &'t dyn Task,
    folder: &'t RunFolder,
    settings: Settings,
    options: LoopOptions,
    schedule: Schedule,
    optimizer: AdamW,
    parameters: Vec<(String, Var)>,
    best: HashMap<String, Tensor>,
    state: State,
}

impl<'t> Trainer<'t> {
    pub(crate) fn new(
        task: &'t dyn Task,
        folder: &'t RunFolder,
        settings: Settings,
        options: LoopOptions,
    ) -> Result<Self> {
        options.check()?;
        let schedule =
            Schedule::new(options.learning_rate, options.warm_up, options.steps, options.decay)?;
        let mut optimizer = AdamW::new(options.optimizer)?;
        let mut parameters = Vec::new();
        for (group, rate) in task.groups() {
            parameters.extend(group.clone());
            optimizer.add(group, rate)?;
        }
        let settings = settings.with("loop", &options);
        let (best, state) = (HashMap::new(), State::default());
        Ok(Self { task, folder, settings, options, schedule, optimizer, parameters, best, state })
    }

    /// Trains from the beginning, or from where an earlier call was interrupted.
    pub(crate) fn run(mut self, on_event: OnEvent<'_>) -> Result<Outcome> {
        self.resume(on_event)?;
        let resumed_at = self.state.step;
        let mut log = Log::resume(&self.folder.log(), self.state.step)?;
        if self.state.best.is_none() {
            self.judge(&mut log, on_event)?;
        }
        while self.state.step < self.options.steps && !self.state.stopped_early {
            let event = self.step()?;
            log.add(Line::of_step(event))?;
            let step = self.state.step;
            if step.is_multiple_of(self.options.judge_every) || step == self.options.steps {
                self.judge(&mut log, on_event)?;
                self.save()?;
            } else if step.is_multiple_of(self.options.checkpoint_every) {
                self.save()?;
            }
            tell(on_event, Event::Step(event), step)?;
        }
        self.restore_best()?;
        Ok(Outcome {
            steps: self.state.step,
            stopped_early: self.state.stopped_early,
            best: self.state.best.unwrap_or_default(),
            resumed_at,
        })
    }

    fn step(&mut self) -> Result<StepEvent> {
        let started = Instant::now();
        let StepLoss { loss, tokens } = self.task.step(self.state.step, &mut self.optimizer)?;
        let step = self.state.step + 1;
        if !loss.is_finite() {
            return Err(Error::NotFiniteLoss { step });
        }
        // Rates are counted from 0 and the first of a warm-up is nought: it would be a lost step.
        let learning_rate = self.schedule.rate(match self.options.warm_up {
            0 => self.state.step,
            _ => step,
        });
        let report = self.optimizer.step(learning_rate)?;
        self.state.step = step;
        let seconds = started.elapsed().as_secs_f64();
        Ok(StepEvent {
            step,
            steps: self.options.steps,
            loss,
            learning_rate,
            gradient_norm: report.gradient_norm,
            tokens,
            tokens_per_second: tokens as f64 / seconds.max(1e-9),
        })
    }

    fn judge(&mut self, log: &mut Log, on_event: OnEvent<'_>) -> Result<()> {
        let step = self.state.step;
        let dev = self.task.judge(&mut *on_event)?;
        let gained = self.state.best.as_ref().is_none_or(|best| dev.score > best.score);
        if gained {
            self.best = self.weights()?;
            self.state.without_gain = 0;
            self.state.best = Some(Best { step, score: dev.score, figures: dev.figures.clone() });
        } else {
            self.state.without_gain += 1;
        }
        self.state.stopped_early = self.state.without_gain >= self.options.patience;
        log.add(Line::of_dev(step, dev.figures.clone()))?;
        super::write_whole(&self.folder.plot(), plot::draw(log.lines()).as_bytes())?;
        tell(on_event, Event::Judged(step, dev.figures, gained), step)
    }

    /// Copies of all parameters: those in use are changed in place.
    fn weights(&self) -> Result<HashMap<String, Tensor>> {
        let copy =
            |(name, var): &(String, Var)| Ok((name.clone(), var.as_tensor().copy()?.detach()));
        self.parameters.iter().map(copy).collect::<candle_core::Result<_>>().stage("a checkpoint")
    }

    fn save(&self) -> Result<()> {
        let mut tensors = HashMap::new();
        let weights = self.parameters.iter();
        let weights = weights.map(|(name, var)| (name, var.as_tensor().clone()));
        let best = self.best.iter().map(|(name, tensor)| (name, tensor.clone()));
        tensors.extend(weights.map(|(name, tensor)| (format!("{WEIGHTS}{name}"), tensor)));
        tensors.extend(best.map(|(name, tensor)| (format!("{BEST}{name}"), tensor)));
        let state = self.optimizer.state()?.into_iter();
        tensors.extend(state.map(|(name, tensor)| (format!("{OPTIMIZER}{name}"), tensor)));
        checkpoint::write(self.folder.path(), &self.settings, &self.state, &tensors)
    }

    fn resume(&mut self, on_event: OnEvent<'_>) -> Result<()> {
        let Some((_, first)) = self.parameters.first() else {
            return Ok(());
        };
        let device = first.device().clone();
        let (checkpoint, notes) = checkpoint::newest(self.folder.path(), &self.settings, &device)?;
        for text in notes {
            note(&mut *on_event, text)?;
        }
        let Some(checkpoint) = checkpoint else {
            return Ok(());
        };
        let part = |prefix: &str| -> BTreeMap<String, Tensor> {
            let own = |(name, tensor): (&String, &Tensor)| {
                Some((name.strip_prefix(prefix)?.to_owned(), tensor.clone()))
            };
            checkpoint.tensors.iter().filter_map(own).collect()
        };
        self.put(&part(WEIGHTS))?;
        self.optimizer.restore(&part(OPTIMIZER))?;
        self.best = part(BEST).into_iter().collect();
        self.state = checkpoint.state;
        note(on_event, format!("taken up behind step {}", self.state.step))
    }

    fn restore_best(&self) -> Result<()> {
        self.put(&self.best.clone().into_iter().collect())
    }

    fn put(&self, weights: &BTreeMap<String, Tensor>) -> Result<()> {
        for (name, var) in &self.parameters {
            let Some(tensor) = weights.get(name) else {
                let problem = format!("it lacks parameter {name}");
                return Err(Error::State { problem });
            };
            var.set(tensor).stage("reading a checkpoint")?;
        }
        Ok(())
    }
}

const WEIGHTS: &str = "weights.";
const BEST: &str = "best.";
const OPTIMIZER: &str = "optimizer.";

/// Removes the checkpoints of a training whose result was written.
pub(crate) fn finish(folder: &RunFolder) -> Result<()> {
    checkpoint::remove_all(folder.path())?;
    let path = folder.path().join(super::LOCK);
    std::fs::remove_file(&path).map_err(|source| Error::Write { path, source })
}

impl LoopOptions {
    fn check(&self) -> Result<()> {
        let counts = [
            ("steps", self.steps),
            ("judge_every", self.judge_every),
            ("checkpoint_every", self.checkpoint_every),
            ("patience", u64::from(self.patience)),
        ];
        match counts.into_iter().find(|&(_, count)| count == 0) {
            None => Ok(()),
            Some((option, _)) => {
                Err(Error::Option { option, value: 0.0, range: "the numbers from 1" })
            }
        }
    }
}
