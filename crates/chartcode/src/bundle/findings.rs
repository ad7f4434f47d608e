//! What an import found, for people.

use serde::Serialize;

use super::checkpoint::Checkpoint;
use super::layouts::HeadLayout;
use crate::encoder::{Config, WordKind};

/// What was found in a checkpoint.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Findings {
    /// Files the weights were read from.
    pub weights: Vec<String>,
    /// The encoder's family, `model_type`.
    pub encoder: String,
    /// The prefix of the encoder's keys.
    pub prefix: String,
    /// The head's layout, where there is a head.
    pub head: Option<String>,
    /// Tensors that the model uses.
    pub used: usize,
    /// Entries of the files that it has no use for.
    pub ignored: Vec<String>,
    /// Labels, and where their order came from.
    pub labels: Option<(usize, String)>,
    /// Where the threshold came from.
    pub threshold: String,
    /// What the files do not say and was taken to be so.
    pub assumed: Vec<String>,
}

impl Findings {
    pub(super) fn start(
        checkpoint: &Checkpoint,
        config: &Config,
        layout: Option<&HeadLayout>,
    ) -> Self {
        let keys = crate::encoder::Keys::detect(&checkpoint.weights, config);
        let prefix = if config.is_word_level() { "" } else { keys.prefix() };
        Self {
            weights: checkpoint.files.clone(),
            encoder: config.model_type.clone(),
            prefix: prefix.to_owned(),
            head: layout.map(|layout| layout.name.to_owned()),
            used: 0,
            ignored: checkpoint.ignored.clone(),
            labels: None,
            threshold: String::new(),
            assumed: Vec::new(),
        }
    }

    /// Notes what a configuration was made from that no file holds.
    pub(super) fn assume_config(&mut self, config: &Config) {
        self.assumed.push("config.json, from the tensors' shapes".to_owned());
        if let Some(WordKind::MultiResCnn { attention_tanh: true, .. }) = config.word_kind() {
            let what = "attention_tanh, a second tanh before the attention, as in the publication";
            self.assumed.push(what.to_owned());
        }
    }
}
