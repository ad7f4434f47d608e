//! When a version of a code set is valid.

use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

use crate::system::System;

/// The dates of service (of discharge, for inpatients) that a version is for, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// The first day.
    pub from: Date,
    /// The last day, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

impl InForce {
    /// What a version's name says: a fiscal year, from October of the year before to September, or
    /// such a year with the update of April: `2026`, `2026-04`. HCPCS is quarterly: `2026-Q1`.
    #[must_use]
    pub fn of_version(system: System, version: &str) -> Option<Self> {
        let (year, part) = version.split_once('-').unwrap_or((version, ""));
        let year: i16 = year.parse().ok().filter(|year| (1990..2200).contains(year))?;
        let span = |from, until| Some(Self { from, until: Some(until) });
        match (system, part) {
            (System::Hcpcs | System::Cpt, "") => span(date(year, 1, 1), date(year, 12, 31)),
            (System::Hcpcs, "Q1") => span(date(year, 1, 1), date(year, 3, 31)),
            (System::Hcpcs, "Q2") => span(date(year, 4, 1), date(year, 6, 30)),
            (System::Hcpcs, "Q3") => span(date(year, 7, 1), date(year, 9, 30)),
            (System::Hcpcs, "Q4") => span(date(year, 10, 1), date(year, 12, 31)),
            (_, "") => span(date(year - 1, 10, 1), date(year, 9, 30)),
            (_, "04") => span(date(year, 4, 1), date(year, 9, 30)),
            _ => None,
        }
    }

    /// Whether a day is one of them.
    #[must_use]
    pub fn holds(&self, day: Date) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fiscal_years_begin_in_october() {
        let year = InForce::of_version(System::Icd10Cm, "2027").unwrap();
        assert!(year.holds(date(2026, 10, 1)) && !year.holds(date(2026, 9, 30)));
        assert!(year.holds(date(2027, 9, 30)) && !year.holds(date(2027, 10, 1)));
        let april = InForce::of_version(System::Icd10Cm, "2026-04").unwrap();
        assert!(!april.holds(date(2026, 3, 31)) && april.holds(date(2026, 4, 1)));
        assert_eq!(InForce::of_version(System::Icd10Cm, "spring"), None);
    }
}
