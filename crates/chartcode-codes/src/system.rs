//! Code systems.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::code_key::CodeKey;
use crate::error::Error;

/// A system of codes, of which there are versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum System {
    /// ICD-10-CM: diagnoses.
    Icd10Cm,
    /// ICD-10-PCS: procedures of inpatients.
    Icd10Pcs,
    /// ICD-9-CM, volumes 1 and 2: diagnoses until September 2015.
    Icd9Cm,
    /// HCPCS Level II: supplies and services.
    Hcpcs,
    /// CPT: procedures; the user's own table, for it is the AMA's.
    Cpt,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Icd10Cm, Self::Icd10Pcs, Self::Icd9Cm, Self::Hcpcs, Self::Cpt];

    /// What reports and files call it.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Icd10Cm => "icd10cm",
            Self::Icd10Pcs => "icd10pcs",
            Self::Icd9Cm => "icd9cm",
            Self::Hcpcs => "hcpcs",
            Self::Cpt => "cpt",
        }
    }

    /// What FHIR R4 calls it (`Coding.system`, hl7.org/fhir/R4/terminologies-systems.html).
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::Icd10Cm => "http://hl7.org/fhir/sid/icd-10-cm",
            Self::Icd10Pcs => "http://www.cms.gov/Medicare/Coding/ICD10",
            Self::Icd9Cm => "http://hl7.org/fhir/sid/icd-9-cm",
            Self::Hcpcs => "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
            Self::Cpt => "http://www.ama-assn.org/go/cpt",
        }
    }

    /// Whether a key is formed as this system's codes are, categories and headers included.
    #[must_use]
    pub fn fits(self, key: CodeKey) -> bool {
        let text = key.as_str().as_bytes();
        let is_number = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
        match (self, text) {
            // QA0 is one, and C4A.
            (Self::Icd10Cm, [a, b, c, ..]) => {
                let is_numbered = b.is_ascii_digit() || c.is_ascii_digit();
                a.is_ascii_uppercase() && is_numbered && text.len() <= 7
            }
            (Self::Icd10Pcs, _) => text.len() == 3 || text.len() == 7,
            (Self::Icd9Cm, [a, rest @ ..]) => {
                (2..=4).contains(&rest.len())
                    && (a.is_ascii_digit() || matches!(a, b'V' | b'E'))
                    && is_number(rest)
            }
            (Self::Hcpcs, [a, rest @ ..]) => {
                a.is_ascii_uppercase() && rest.len() == 4 && is_number(rest)
            }
            (Self::Cpt, [rest @ .., _]) => rest.len() == 4 && is_number(rest),
            _ => false,
        }
    }

    /// A code as people write it, with its dot: `E11.9`.
    #[must_use]
    pub fn write(self, key: CodeKey) -> String {
        let text = key.as_str();
        let whole = match self {
            Self::Icd9Cm if text.starts_with('E') => 4,
            Self::Icd10Cm | Self::Icd9Cm => 3,
            Self::Icd10Pcs | Self::Hcpcs | Self::Cpt => text.len(),
        };
        match text.split_at_checked(whole) {
            Some((whole, rest)) if !rest.is_empty() => format!("{whole}.{rest}"),
            _ => text.to_owned(),
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for System {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|system| system.id() == plain)
            .ok_or_else(|| Error::UnknownSystem { name: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::System;
    use crate::CodeKey;

    #[test]
    fn dots_stand_where_each_system_has_them() {
        let write = |system: System, code| system.write(CodeKey::parse(code).unwrap());
        assert_eq!(write(System::Icd10Cm, "S52501A"), "S52.501A");
        assert_eq!(write(System::Icd10Cm, "I10"), "I10");
        assert_eq!(write(System::Icd9Cm, "25000"), "250.00");
        assert_eq!(write(System::Icd9Cm, "E8809"), "E880.9");
        assert_eq!(write(System::Icd10Pcs, "0016070"), "0016070");
    }

    #[test]
    fn codes_have_the_form_of_their_system() {
        let fits = |system: System, code| system.fits(CodeKey::parse(code).unwrap());
        for code in ["A00", "C4A", "QA0.00", "Z3A.00", "S52.501A", "U07.1"] {
            assert!(fits(System::Icd10Cm, code), "{code}");
        }
        for code in ["A0", "PATIENT", "0016070", "S52501AA"] {
            assert!(!fits(System::Icd10Cm, code), "{code}");
        }
        assert!(fits(System::Icd9Cm, "V10.0") && fits(System::Icd9Cm, "E880.1"));
        assert!(fits(System::Icd9Cm, "250.00") && !fits(System::Icd9Cm, "E11.9A"));
        assert!(fits(System::Hcpcs, "J1885") && !fits(System::Hcpcs, "99213"));
        assert!(fits(System::Cpt, "99213") && fits(System::Cpt, "0001U"));
        assert!(fits(System::Icd10Pcs, "0016070") && !fits(System::Icd10Pcs, "00160"));
    }

    #[test]
    fn names_are_read_as_people_write_them() {
        assert_eq!("ICD-10-CM".parse::<System>().unwrap(), System::Icd10Cm);
        assert!("ICD-11".parse::<System>().unwrap_err().to_string().contains("icd10pcs"));
    }
}
