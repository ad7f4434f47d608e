//! Account of the tensors that a model asked for, and of those it did not get.

use std::collections::BTreeSet;
use std::fmt;

/// Names a list is cut to; the rest is counted.
const SHOWN: usize = 12;

/// What is wrong with a checkpoint's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyProblems {
    /// Keys that the architecture needs and the file lacks.
    pub missing: Vec<String>,
    /// Tensors of another shape than the configuration implies: key, found, expected.
    pub misshaped: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// Keys of the file that the architecture has no use for.
    pub unexpected: Vec<String>,
    /// The layout that the file's keys are most like, where one is.
    pub nearest: Option<String>,
    /// Keys that were asked for and found.
    pub(crate) used: BTreeSet<String>,
}

impl KeyProblems {
    /// Notes that `key` was asked for; whether it is there in the shape expected.
    pub(super) fn note(&mut self, key: &str, expected: &[usize], found: Option<&[usize]>) -> bool {
        match found {
            Some(found) if found == expected => {
                self.used.insert(key.to_owned());
                true
            }
            Some(found) => {
                self.used.insert(key.to_owned());
                self.misshaped.push((key.to_owned(), found.to_vec(), expected.to_vec()));
                false
            }
            None => {
                if !self.missing.iter().any(|missing| missing == key) {
                    self.missing.push(key.to_owned());
                }
                false
            }
        }
    }

    /// Whether everything asked for was found.
    pub(super) fn is_sound(&self) -> bool {
        self.missing.is_empty() && self.misshaped.is_empty()
    }
}

impl fmt::Display for KeyProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let misshaped: Vec<String> = self
            .misshaped
            .iter()
            .map(|(key, found, expected)| format!("{key} has {found:?}, expected {expected:?}"))
            .collect();
        let lists = [
            ("missing", &self.missing),
            ("of another shape", &misshaped),
            ("not expected", &self.unexpected),
        ];
        let mut parts: Vec<String> = lists
            .into_iter()
            .filter(|(_, keys)| !keys.is_empty())
            .map(|(what, keys)| format!("{} {what} ({})", keys.len(), list(keys)))
            .collect();
        parts.extend(
            self.nearest.iter().map(|layout| format!("the nearest known layout is {layout}")),
        );
        f.write_str(&parts.join("; "))
    }
}

fn list(keys: &[String]) -> String {
    let mut shown = keys.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if keys.len() > SHOWN {
        shown.push_str(", …");
    }
    shown
}
