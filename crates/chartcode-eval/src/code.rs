//! A code of a code system, in the system's usual spelling.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A code and its system. Equal codes are spelt equally: upper case, dots where the system has
/// them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Code {
    /// Short name of the code system: `icd10cm`, `icd10pcs`, `icd9cm`, `icd9pcs`, `hcpcs`, `cpt`,
    /// or any other.
    pub system: String,
    /// The code, e.g. `E11.9`.
    pub code: String,
}

impl Code {
    /// A code as a source spells it (`e119`, ` E11.9 `) in the spelling of its system.
    #[must_use]
    pub fn new(system: &str, code: &str) -> Self {
        let system = system.trim().to_ascii_lowercase();
        let code = spell(&system, code.trim());
        Self { system, code }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)
    }
}

/// Diagnoses have a dot behind the category (three characters; four for the E codes of ICD-9-CM),
/// procedures of ICD-9-CM behind the second digit, those of ICD-10-PCS none.
fn spell(system: &str, code: &str) -> String {
    let mut code = code.to_ascii_uppercase();
    let dot = match system {
        "icd9cm" if code.starts_with('E') => 4,
        "icd10cm" | "icd9cm" => 3,
        "icd9pcs" => 2,
        _ => return code,
    };
    if code.is_ascii() && code.len() > dot && !code.contains('.') {
        code.insert(dot, '.');
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_spelt_as_their_systems_do() {
        for (system, code, spelt) in [
            ("icd10cm", "e119", "E11.9"),
            ("ICD10CM", " S72.001A ", "S72.001A"),
            ("icd10cm", "I10", "I10"),
            ("icd10pcs", "0dtj4zz", "0DTJ4ZZ"),
            ("icd9cm", "59370", "593.70"),
            ("icd9cm", "E8490", "E849.0"),
            ("icd9cm", "v5861", "V58.61"),
            ("icd9pcs", "3893", "38.93"),
            ("cpt", "99213", "99213"),
        ] {
            assert_eq!(Code::new(system, code).code, spelt);
        }
    }
}
