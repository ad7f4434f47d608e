//! The trained coder as a bundle.

use chartcode::{Bundle, DataSource, HeadSpec, Thresholds, Trained, Tuned, WindowRule};

use super::data::Charts;
use super::labels::ChosenLabels;
use super::task::Coder;
use super::tune::{Tuning, tune};
use super::{CodesFiles, CodesSummary};
use crate::error::{Error, Result};
use crate::run::{Event, OnEvent, RunFolder, tell};
use crate::write::{data_section, data_sources, tensor};

/// What the bundle is made of.
pub(super) struct Writing<'w> {
    pub(super) bundle: &'w Bundle,
    pub(super) task: &'w Coder,
    pub(super) labels: &'w ChosenLabels,
    pub(super) files: &'w CodesFiles,
    pub(super) rule: WindowRule,
}

impl Writing<'_> {
    /// Writes the bundle twice: first to score the held-out charts with it, then with the
    /// threshold that suits these scores. The first is removed.
    pub(super) fn write(
        &self,
        dev: &Charts,
        folder: &RunFolder,
        summary: &mut CodesSummary,
        on_event: OnEvent<'_>,
    ) -> Result<()> {
        tell(&mut *on_event, Event::Stage("writing the bundle", None), summary.steps)?;
        let draft = folder.path().join("draft");
        let failed = |source| Error::Write { path: draft.clone(), source };
        if draft.exists() {
            std::fs::remove_dir_all(&draft).map_err(failed)?;
        }
        let mut trained = self.trained()?;
        self.bundle.write_trained(&draft, &trained)?;
        let tuning = tune(&draft, dev, self.labels, self.files, on_event)?;
        std::fs::remove_dir_all(&draft).map_err(failed)?;
        summary.threshold = tuning.threshold;
        summary.micro_f1 = tuning.micro_f1;
        summary.cross_validated_micro_f1 = tuning.cross_validated;
        trained.thresholds = Thresholds { review: tuning.threshold, accept: None };
        trained.tuned = self.tuned(tuning);
        trained.card = self.card(&trained.data, summary, tuning);
        Ok(self.bundle.write_trained(&summary.bundle, &trained)?)
    }

    fn trained(&self) -> Result<Trained> {
        let Coder { encoder, head, .. } = self.task;
        let head = head.parameters().into_iter();
        let head = head.map(|(key, var)| (key, var.as_tensor().clone()));
        let tensors = encoder.tensors().into_iter().chain(head);
        let tensors = tensors.map(|(key, value)| tensor(key, &value)).collect::<Result<_>>()?;
        let mut trained = Trained::of(self.bundle, &self.files.id, tensors);
        trained.description = format!("{} trained on labelled charts", self.bundle.manifest().id);
        trained.windows = self.rule;
        trained.head = Some((HeadSpec::Laat, self.labels.trained.clone()));
        let note = self.files.data_note.as_deref();
        trained.data = data_sources(&[self.files.charts.name()], "training charts", note);
        let dev = [self.files.dev.name()];
        trained.data.extend(data_sources(&dev, "early stopping and threshold", note));
        Ok(trained)
    }

    fn tuned(&self, tuning: Tuning) -> Option<Tuned> {
        Some(Tuned {
            charts: tuning.charts,
            codes: tuning.codes,
            date: self.files.date.clone(),
            gold: self.files.dev.name(),
            objective: "micro-F1".to_owned(),
            micro_f1: tuning.cross_validated?,
            accept: None,
        })
    }

    fn card(&self, data: &[DataSource], summary: &CodesSummary, tuning: Tuning) -> String {
        let from = self.bundle.manifest();
        let options = &self.task.options;
        let figures: Vec<String> =
            summary.dev.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        let cross = tuning.cross_validated.map_or_else(
            || "too few charts to cross-validate it".to_owned(),
            |f1| format!("{f1:.4} on charts it was not chosen on (cross-validated)"),
        );
        format!(
            "# {id}\n\n{from_id} {version}, its encoder and a new label-attention head (LAAT, as in \
             PLM-ICD) trained on labelled charts with chartcode {engine}.\n\n\
             - labels: {labels} of {system} ({code_set})\n\
             - training charts: {charts}; {cut} of them longer than {most} tokens, of which {lost} \
             tokens were not learnt from\n\
             - held-out charts: {dev}, {shared} of them with the id of a training chart\n\
             - steps: {steps} of {batch} charts, the weights of step {best} kept (highest MAP)\n\
             - loss: binary cross-entropy, label smoothing {smoothing}, R-drop {r_drop}\n\
             - held-out figures during training: {figures}\n\
             - threshold: {threshold:.4}, of the highest micro-F1 on the held-out charts; {f1:.4} on \
             these, {cross}\n\n\
             The held-out charts chose the step and the threshold: measure on others. Probabilities \
             are not calibrated; `chartcode tune` does that.\n\n## Data\n\n{data}",
            id = self.files.id,
            from_id = from.id,
            version = from.version,
            engine = env!("CARGO_PKG_VERSION"),
            labels = summary.labels,
            system = summary.system,
            code_set = self.labels.trained.code_set,
            charts = summary.charts,
            cut = summary.cut_charts,
            most = options.most_tokens,
            lost = summary.cut_tokens,
            dev = summary.dev_charts,
            shared = summary.shared_charts,
            steps = summary.steps,
            batch = options.batch,
            best = summary.best_step,
            smoothing = options.label_smoothing,
            r_drop = options.r_drop,
            figures = figures.join(", "),
            threshold = tuning.threshold,
            f1 = tuning.micro_f1.unwrap_or_default(),
            data = data_section(self.bundle, data),
        )
    }
}
