//! The layouts in which word-level models have been published, told apart by their keys.

use super::layouts::HeadLayout;
use super::weights::Weights;
use crate::encoder::WordKind;
use crate::error::{Error, Result};
use crate::head::HeadSpec;
use crate::padding::PaddingMode;
use crate::preprocess::Preprocess;

/// A publication: where its labels' rows are, and what was done to the text.
type Publication = (&'static str, &'static str, Preprocess);

const CAML: Publication =
    ("CAML of its authors (caml-mimic, 2018)", "final.weight", Preprocess::Caml);
const CAML_2023: Publication = (
    "CAML of medical-coding-reproducibility (2023)",
    "attention.second_linear.weight",
    Preprocess::Mullenbach,
);
const MULTI_RES_CNN_2023: Publication = (
    "MultiResCNN of medical-coding-reproducibility (2023)",
    "attention.second_linear.weight",
    Preprocess::Mullenbach,
);
const LAAT: Publication =
    ("LAAT of its authors (2020)", "attention.third_linears.0.weight", Preprocess::Caml);
const LAAT_2023: Publication = (
    "LAAT of medical-coding-reproducibility (2023)",
    "attention.third_linear.weight",
    Preprocess::Mullenbach,
);

/// The head behind a word encoder, if there is one.
///
/// # Errors
/// [`Error::Unsupported`] for `JointLAAT`, whose second level reads the first one's answer.
pub(super) fn detect(weights: &Weights, kind: &WordKind) -> Result<Option<HeadLayout>> {
    // Any key of a layout is enough: what is missing is then told by its name.
    let has = |keys: &[&str]| keys.iter().any(|key| weights.contains(key));
    let edin = ["attention.first_linear.weight", "attention.second_linear.weight"];
    let lists = ["attention.first_linears.0.weight", "attention.third_linears.0.weight"];
    let (spec, publication) = match kind {
        WordKind::Caml { .. } if has(&["U.weight", "final.weight"]) => (HeadSpec::Caml, CAML),
        WordKind::Caml { .. } if has(&edin) => (HeadSpec::Caml, CAML_2023),
        WordKind::MultiResCnn { .. } if has(&edin) => (HeadSpec::Caml, MULTI_RES_CNN_2023),
        WordKind::LaatRnn { .. } if has(&lists) => (HeadSpec::Laat, LAAT),
        WordKind::LaatRnn { .. } if has(&edin) => (HeadSpec::Laat, LAAT_2023),
        _ => return Ok(None),
    };
    if has(&["attention.first_linears.1.weight", "attention.third_linears.1.weight"]) {
        return Err(Error::Unsupported {
            path: weights.path().to_owned(),
            field: "attention.first_linears",
            value: "JointLAAT, a second level of labels".to_owned(),
            supported: "LAAT, which has one level",
        });
    }
    let (name, label_key, preprocess) = publication;
    weights.take_for(name);
    let (padding, label_key) = (PaddingMode::None, label_key.to_owned());
    Ok(Some(HeadLayout { name, spec, padding, preprocess, label_key }))
}
