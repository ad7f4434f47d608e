//! Lists of codes, to tell a code of another edition from one that never was.

use std::collections::HashSet;
use std::path::Path;

use crate::code::Code;
use crate::error::{Error, Result};

/// The codes of any number of lists.
#[derive(Clone, Debug, Default)]
pub struct KnownCodes(HashSet<String>);

impl KnownCodes {
    /// Adds the codes of a file: the official code and order files of ICD-10-CM and ICD-10-PCS, or
    /// any file with a code at the beginning of each line, in front of a blank, tab, comma or
    /// semicolon.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::File`] where the file has no codes.
    pub fn add_file(&mut self, path: &Path) -> Result<()> {
        let bytes =
            std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        // Titles may be in any encoding; codes are ASCII in all of them.
        let before = self.0.len();
        for line in bytes.split(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            if let Some(code) = code_of(&line) {
                self.0.insert(bare(code));
            }
        }
        if self.0.len() == before {
            let problem = "no line begins with a code".to_owned();
            return Err(Error::File { path: path.to_owned(), problem });
        }
        Ok(())
    }

    /// Whether any list has this code.
    #[must_use]
    pub fn has(&self, code: &Code) -> bool {
        self.0.contains(&bare(&code.code))
    }

    /// How many codes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The code at the beginning of a line, behind the running number in order files.
fn code_of(line: &str) -> Option<&str> {
    let mut fields = line.split([' ', '\t', ',', ';', '\r']).filter(|field| !field.is_empty());
    let first = fields.next()?.trim_matches('"');
    let is_number = first.len() == 5 && first.bytes().all(|byte| byte.is_ascii_digit());
    let code = match (fields.next(), fields.next()) {
        (Some(second), Some("0" | "1")) if is_number => second,
        _ => first,
    };
    let looks_like_one = code.len() >= 3
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        && code.bytes().any(|byte| byte.is_ascii_digit());
    looks_like_one.then_some(code)
}

fn bare(code: &str) -> String {
    code.chars().filter(|&c| c != '.').map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("codes.txt");
        for (text, codes) in [
            ("A000    Cholera due to\r\nA001    Cholera\r\n", vec!["A00.0", "A00.1"]),
            ("00001 A00     0 Cholera\n00002 A000    1 Cholera\n", vec!["A00", "A00.0"]),
            ("001    \tNervous System\n0016070\tBypass\n", vec!["001", "0016070"]),
            ("code,title\n\"E11.9\",\"Type 2\"\n", vec!["E11.9"]),
            ("99213\n", vec!["99213"]),
        ] {
            std::fs::write(&path, text).unwrap();
            let mut known = KnownCodes::default();
            known.add_file(&path).unwrap();
            assert_eq!(known.len(), codes.len(), "{text}");
            assert!(codes.iter().all(|code| known.has(&Code::new("icd10cm", code))), "{text}");
        }
        std::fs::write(&path, "nothing here\n").unwrap();
        let error = KnownCodes::default().add_file(&path).unwrap_err().to_string();
        assert!(error.contains("codes.txt"), "{error}");
    }
}
