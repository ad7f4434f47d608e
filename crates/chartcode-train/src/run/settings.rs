//! What a training was started with: only the same settings go on with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// Settings by name, nested ones as `outer.inner`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings(BTreeMap<String, Value>);

impl Settings {
    /// Adds a setting; of an object each field is one.
    pub(crate) fn with(mut self, name: &str, value: &impl Serialize) -> Self {
        // Options are numbers, strings and structs of them, which always have a JSON form.
        self.add(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    fn add(&mut self, name: String, value: Value) {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    self.add(format!("{name}.{field}"), value);
                }
            }
            value => {
                self.0.insert(name, value);
            }
        }
    }

    /// Fails with the first setting that differs from those `folder` was begun with.
    pub(crate) fn check_same(&self, before: &Self, folder: &Path) -> Result<()> {
        let names = before.0.keys().chain(self.0.keys());
        let differs = |name: &&String| before.0.get(*name) != self.0.get(*name);
        match names.filter(differs).min() {
            None => Ok(()),
            Some(name) => Err(Error::OtherSettings {
                path: folder.to_owned(),
                setting: name.clone(),
                was: before.show(name),
                now: self.show(name),
            }),
        }
    }

    fn show(&self, name: &str) -> String {
        self.0.get(name).map_or_else(|| "not set".to_owned(), Value::to_string)
    }
}

/// sha256 of a file or of all files of a folder, in hexadecimal.
pub(crate) fn digest_of(path: &Path) -> Result<String> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        files = std::fs::read_dir(path)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .map_err(failed)?;
        files.retain(|file| file.is_file());
        files.sort();
    }
    let mut sum = Sha256::new();
    for file in files {
        let mut file = File::open(file).map_err(failed)?;
        std::io::copy(&mut file, &mut sum).map_err(failed)?;
    }
    Ok(format!("{:x}", sum.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_with_both_values() {
        #[derive(Serialize)]
        struct Rates {
            encoder: f64,
            head: Option<f64>,
        }
        let settings = |encoder| {
            Settings::default().with("seed", &1).with("rate", &Rates { encoder, head: None })
        };
        let folder = Path::new("run");
        assert!(settings(0.5).check_same(&settings(0.5), folder).is_ok());
        let error = settings(0.5).check_same(&settings(0.25), folder).unwrap_err().to_string();
        assert!(error.contains("rate.encoder 0.25, this one has 0.5"), "{error}");
        let error = settings(0.5).check_same(&Settings::default(), folder).unwrap_err();
        assert!(error.to_string().contains("rate.encoder not set"), "{error}");
    }
}
