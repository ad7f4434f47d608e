//! What holds for every chart of a file, and the checks that follow from it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::PredictionOptions;
use crate::code::Code;
use crate::error::Error;
use crate::predicted::{Listed, PredictedChart, Scale, Scores};
use crate::table::record_error;

/// Something about one record, or what is wrong with it.
pub(super) type Checked<T> = Result<T, String>;

/// What the name of a number says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// It is of this scale.
    Scale(Scale),
    /// Just that it is a score.
    Score,
}

impl Named {
    /// The meaning of a key or of a column's name, e.g. `logits`.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "probability" | "probabilities" => Some(Self::Scale(Scale::Probability)),
            "logit" | "logits" => Some(Self::Scale(Scale::Logit)),
            "score" | "scores" => Some(Self::Score),
            _ => None,
        }
    }

    /// How well it serves where numbers of a scale are wanted; the lowest is best.
    pub(super) fn rank(self, wanted: Scale) -> u8 {
        match self {
            Self::Scale(scale) if scale == wanted => 0,
            Self::Score => 1,
            Self::Scale(_) => 2,
        }
    }
}

/// What a system itself decided on a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Accept,
    Review,
    Drop,
}

impl Decision {
    pub(super) fn of(word: &str) -> Checked<Option<Self>> {
        match word {
            "" => Ok(None),
            "accept" => Ok(Some(Self::Accept)),
            "review" => Ok(Some(Self::Review)),
            "drop" => Ok(Some(Self::Drop)),
            _ => Err("a decision is accept, review or drop".to_owned()),
        }
    }
}

/// A code as a source spells it.
pub(super) struct Spelt<'a> {
    pub(super) system: Option<&'a str>,
    pub(super) code: &'a str,
}

/// What holds for every chart of a file.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) path: Arc<Path>,
    pub(super) scale: Scale,
    /// Nothing says that the numbers are probabilities; they are only taken for it.
    assumed: bool,
    /// The caller gave the scale: names are not asked.
    pub(super) forced: bool,
    system: String,
    pub(super) labels: Option<Arc<[Code]>>,
}

impl Context {
    /// `named` is what the file says of its numbers; none where it has none.
    pub(super) fn new(path: &Path, options: &PredictionOptions, named: Option<Named>) -> Self {
        let (scale, assumed) = match (options.scale, named) {
            (Some(scale), _) | (None, Some(Named::Scale(scale))) => (scale, false),
            (None, Some(Named::Score)) => (Scale::Probability, true),
            (None, None) => (Scale::Order, false),
        };
        Self {
            path: path.into(),
            scale,
            assumed,
            forced: options.scale.is_some(),
            system: options.system.clone().unwrap_or_default(),
            labels: options.labels.clone(),
        }
    }

    /// The name of one number.
    pub(super) fn noun(&self) -> &'static str {
        match self.scale {
            Scale::Probability if !self.assumed => "probability",
            Scale::Logit => "logit",
            _ => "score",
        }
    }

    pub(super) fn code(&self, spelt: &Spelt<'_>) -> Checked<Code> {
        let system = spelt.system.map(str::trim).filter(|system| !system.is_empty());
        let code = Code::new(system.unwrap_or(&self.system), spelt.code);
        if code.code.is_empty() { Err("a code is empty".to_owned()) } else { Ok(code) }
    }

    /// The code at `place`, from 0, of a chart's list.
    pub(super) fn listed(
        &self,
        spelt: &Spelt<'_>,
        place: usize,
        number: Option<f64>,
        decision: Option<Decision>,
    ) -> Checked<Listed> {
        let code = self.code(spelt)?;
        let score = match (self.scale, number) {
            (Scale::Order, _) => -((place + 1) as f64),
            (_, Some(number)) => number,
            (_, None) => return Err(format!("{code} has no {}", self.noun())),
        };
        if !self.fits(score) {
            return Err(self.misfit(score, &code));
        }
        Ok(Listed {
            code,
            score,
            suggested: decision.map(|decision| decision != Decision::Drop),
            accepted: decision == Some(Decision::Accept),
            evidence: Vec::new(),
        })
    }

    /// A chart of listed codes.
    pub(super) fn listing(id: String, codes: Vec<Listed>) -> Checked<PredictedChart> {
        let mut seen = HashSet::with_capacity(codes.len());
        if let Some(twice) = codes.iter().find(|listed| !seen.insert(&listed.code)) {
            return Err(format!("{} is listed twice", twice.code));
        }
        Ok(PredictedChart { id, scores: Scores::Listed(codes) })
    }

    /// A chart with a score for every label.
    pub(super) fn dense(
        &self,
        id: String,
        labels: Arc<[Code]>,
        scores: Vec<f32>,
    ) -> Checked<PredictedChart> {
        if scores.len() != labels.len() {
            return Err(format!("has {} scores for {} labels", scores.len(), labels.len()));
        }
        match scores.iter().position(|&score| !self.fits(f64::from(score))) {
            Some(place) => Err(self.misfit(f64::from(scores[place]), &labels[place])),
            None => Ok(PredictedChart { id, scores: Scores::Dense { labels, scores } }),
        }
    }

    pub(super) fn error(&self, place: impl Into<String>, problem: impl Into<String>) -> Error {
        record_error(&self.path, place, problem)
    }

    fn fits(&self, score: f64) -> bool {
        match self.scale {
            Scale::Probability => (0.0..=1.0).contains(&score),
            Scale::Logit | Scale::Order => score.is_finite(),
        }
    }

    fn misfit(&self, score: f64, code: &Code) -> String {
        let noun = self.noun();
        if !score.is_finite() {
            return format!("{noun} {score} of {code} is not finite");
        }
        let cure = if self.assumed { "; if these are logits, say so: scale logit" } else { "" };
        format!("{noun} {score} of {code} is not between 0 and 1{cure}")
    }
}

/// Labels of a dense source, none of them twice.
pub(super) fn distinct(labels: Vec<Code>) -> Checked<Arc<[Code]>> {
    if labels.is_empty() {
        return Err("there are no labels".to_owned());
    }
    let mut seen = HashSet::with_capacity(labels.len());
    match labels.iter().find(|code| !seen.insert(*code)) {
        Some(twice) => Err(format!("label {twice} is there twice")),
        None => Ok(labels.into()),
    }
}
