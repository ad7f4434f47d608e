//! The labels of a new head.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use chartcode::{Bundle, TrainedLabels};
use chartcode_eval::{Code, LabelSet};

use super::CodesFiles;
use super::data::{Charts, Example};
use crate::error::{Error, Result};
use crate::write::by_name;

/// Labels with what the bundle says of them.
#[derive(Debug)]
pub(super) struct ChosenLabels {
    pub(super) set: LabelSet,
    pub(super) system: String,
    pub(super) trained: TrainedLabels,
}

/// The labels of a list, or else the codes of at least `least` training charts, in the order of the
/// codes.
pub(super) fn choose(
    bundle: &Bundle,
    charts: &Charts,
    files: &CodesFiles,
    least: usize,
) -> Result<ChosenLabels> {
    let system = system(bundle, charts, files.system.as_deref())?;
    let (codes, titles, source) = match &files.labels {
        Some(path) => {
            let rows = listed(path, &system)?;
            let codes: Vec<Code> = rows.iter().map(|(code, _)| code.clone()).collect();
            (codes, rows.into_iter().collect::<HashMap<_, _>>(), by_name(path))
        }
        None => (seen(charts, &system, least), HashMap::new(), files.charts.name()),
    };
    let own = bundle.labels();
    let is_same = bundle.manifest().labels.as_ref().filter(|labels| labels.system == system);
    let own: HashMap<&str, &str> = is_same.map_or_else(HashMap::new, |_| {
        (0..own.len()).map(|label| (own.code(label), own.title(label))).collect()
    });
    let title = |code: &Code| {
        let listed = titles.get(code).map(String::as_str).filter(|title| !title.is_empty());
        listed.or_else(|| own.get(code.code.as_str()).copied()).unwrap_or_default().to_owned()
    };
    let rows = codes.iter().map(|code| (code.code.clone(), title(code))).collect();
    let is_edition = |code: &Code| own.contains_key(code.code.as_str());
    let edition = is_same.filter(|_| codes.iter().all(is_edition));
    let trained = TrainedLabels {
        system: system.clone(),
        code_set: edition
            .map_or_else(|| format!("codes of {source}"), |labels| labels.code_set.clone()),
        effective: edition.and_then(|labels| labels.effective.clone()),
        rows,
    };
    Ok(ChosenLabels { set: LabelSet::new(codes)?, system, trained })
}

/// Refuses what cannot be learnt or judged.
pub(super) fn check(
    charts: &[Example],
    dev: &[Example],
    labels: &ChosenLabels,
    files: &CodesFiles,
) -> Result<()> {
    let has = |charts: &[Example]| charts.iter().any(|chart| !chart.labels.is_empty());
    for (path, has) in [(&files.charts.path, has(charts)), (&files.dev.path, has(dev))] {
        if !has {
            let problem = format!(
                "no chart with text has a code that is one of the {} labels of {}",
                labels.set.len(),
                labels.system
            );
            return Err(Error::NothingToLearn { path: path.clone(), problem });
        }
    }
    Ok(())
}

/// The system that was named, or the bundle's, or the only one.
fn system(bundle: &Bundle, charts: &Charts, named: Option<&str>) -> Result<String> {
    let systems = charts.set.systems();
    let own = bundle.manifest().labels.as_ref().map(|labels| labels.system.as_str());
    let only = systems.keys().next().filter(|_| systems.len() == 1).map(String::as_str);
    let known = |system: &&str| systems.contains_key(*system);
    let names = || systems.keys().cloned().collect::<Vec<_>>().join(", ");
    let fail = |problem| Err(Error::NothingToLearn { path: charts.path.clone(), problem });
    match named.or(own.filter(known)).or(only) {
        Some(system) if known(&system) => Ok(system.to_owned()),
        Some(system) => fail(format!("no chart has a code of {system}; there are: {}", names())),
        None if systems.is_empty() => fail("no chart has a code".to_owned()),
        None => fail(format!("its codes are of several systems, name one of them: {}", names())),
    }
}

fn seen(charts: &Charts, system: &str, least: usize) -> Vec<Code> {
    let counts = charts.set.occurrences();
    let codes = charts.set.codes().iter().zip(counts);
    let wanted = codes.filter(|(code, n)| code.system == system && *n as usize >= least);
    wanted.map(|(code, _)| code.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Codes and titles of a list.
fn listed(path: &Path, system: &str) -> Result<Vec<(Code, String)>> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut fields = line.split('\t').map(str::trim);
        let (code, title) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        if line.trim().is_empty() || (number == 0 && code == "code") {
            continue;
        }
        let line = number + 1;
        let fail = |problem| Err(Error::LabelList { path: path.to_owned(), line, problem });
        if code.is_empty() || code.contains(char::is_whitespace) {
            return fail("it does not begin with a code".to_owned());
        }
        let code = Code::new(system, code);
        if !seen.insert(code.clone()) {
            return fail(format!("{code} is there twice"));
        }
        rows.push((code, title.to_owned()));
    }
    if rows.is_empty() {
        let problem = "the list of labels is empty".to_owned();
        return Err(Error::NothingToLearn { path: path.to_owned(), problem });
    }
    Ok(rows)
}
