//! A bundle's labels as codes of their systems.

use chartcode::Engine;
use chartcode_eval::{Code, LabelSet, guess_system};

/// Systems that a bundle's labels are all of where it names one of them.
const SYSTEMS: [&str; 6] = ["icd10cm", "icd10pcs", "icd9cm", "icd9pcs", "hcpcs", "cpt"];

/// The labels as a set, in the bundle's order. A bundle may hold codes of several systems: where
/// it does not name one, each code's form tells.
pub(crate) fn set(engine: &Engine) -> anyhow::Result<LabelSet> {
    let named = engine.manifest().labels.as_ref().map_or("", |labels| labels.system.as_str());
    let code = |code: &str| {
        let is_named = SYSTEMS.contains(&named);
        let system = if is_named { named } else { guess_system(code).unwrap_or(named) };
        Code::new(system, code)
    };
    Ok(LabelSet::new(engine.labels().codes().map(code))?)
}

/// The titles of a part of the labels.
pub(crate) fn titles(engine: &Engine, all: &LabelSet, part: &LabelSet) -> Vec<String> {
    let title = |code: &Code| {
        let label = all.label(code).map(|label| label as usize);
        label.map_or_else(String::new, |label| engine.labels().title(label).to_owned())
    };
    part.codes().iter().map(title).collect()
}
