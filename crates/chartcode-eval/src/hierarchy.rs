//! Where codes stand in their code systems: category and chapter, from their spelling alone.

mod tables;

use crate::code::Code;

/// A chapter of a diagnosis system, a section of ICD-10-PCS, a letter of HCPCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// Its number as the system writes it, e.g. `9`, `V` or `3A`.
    pub number: &'static str,
    /// Its title with its range, e.g. `Diseases of the circulatory system (I00-I99)`.
    pub title: &'static str,
}

/// A chapter and the first and last of the categories in it.
#[derive(Clone, Copy, Debug)]
struct Range {
    first: &'static str,
    last: &'static str,
    chapter: Chapter,
}

/// The category a code belongs to: three characters of a diagnosis and of ICD-10-PCS, E and three
/// digits of an external cause of ICD-9-CM, two digits of its procedures; elsewhere the code
/// itself.
#[must_use]
pub fn category(code: &Code) -> &str {
    let length = match code.system.as_str() {
        "icd9cm" if code.code.starts_with('E') => 4,
        "icd10cm" | "icd9cm" | "icd10pcs" => 3,
        "icd9pcs" => 2,
        _ => return &code.code,
    };
    code.code.get(..length).unwrap_or(&code.code)
}

/// The chapter a code belongs to; none for other systems and for codes outside the official
/// ranges.
#[must_use]
pub fn chapter(code: &Code) -> Option<Chapter> {
    place(code).map(|(_, chapter)| chapter)
}

/// The chapter and its place among those of the system.
pub(crate) fn place(code: &Code) -> Option<(usize, Chapter)> {
    let (ranges, category): (&[Range], _) = match code.system.as_str() {
        "icd10cm" => (&tables::ICD10CM, category(code)),
        "icd9cm" => (&tables::ICD9CM, category(code)),
        "icd9pcs" => (&tables::ICD9PCS, category(code)),
        "icd10pcs" => (&tables::ICD10PCS, code.code.get(..1)?),
        "hcpcs" => (&tables::HCPCS, code.code.get(..1)?),
        _ => return None,
    };
    // Same length, so that the order of characters is that of the classification (digits before
    // letters): `9` is not within `80` and `90`, nor `E80` within `E000` and `E999`.
    let within = |range: &Range| {
        category.len() == range.first.len() && range.first <= category && category <= range.last
    };
    let place = ranges.iter().position(within)?;
    Some((place, ranges[place].chapter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_follow_the_systems() {
        for (system, code, expected) in [
            ("icd10cm", "E11.9", "E11"),
            ("icd10cm", "I10", "I10"),
            ("icd10cm", "C7A.00", "C7A"),
            ("icd10cm", "I1", "I1"),
            ("icd9cm", "593.70", "593"),
            ("icd9cm", "E849.0", "E849"),
            ("icd9cm", "V58.61", "V58"),
            ("icd9pcs", "38.93", "38"),
            ("icd10pcs", "0DTJ4ZZ", "0DT"),
            ("cpt", "99213", "99213"),
            ("icd10cm", "ÄÖÜ", "ÄÖÜ"),
        ] {
            assert_eq!(category(&Code::new(system, code)), expected);
        }
    }

    #[test]
    fn chapters_follow_the_official_ranges() {
        for (system, code, expected) in [
            ("icd10cm", "B99.9", Some("1")),
            ("icd10cm", "D49.9", Some("2")),
            ("icd10cm", "D3A.00", Some("2")),
            ("icd10cm", "D50.0", Some("3")),
            ("icd10cm", "H59.0", Some("7")),
            ("icd10cm", "H60.0", Some("8")),
            ("icd10cm", "M1A.0", Some("13")),
            ("icd10cm", "O9A.1", Some("15")),
            ("icd10cm", "QA0.0", Some("17")),
            ("icd10cm", "T88.9", Some("19")),
            ("icd10cm", "V00.0", Some("20")),
            ("icd10cm", "Y99.0", Some("20")),
            ("icd10cm", "Z3A.20", Some("21")),
            ("icd10cm", "U07.1", Some("22")),
            ("icd10cm", "D90", None),
            ("icd10cm", "4", None),
            ("icd9cm", "139.8", Some("1")),
            ("icd9cm", "401.9", Some("7")),
            ("icd9cm", "999.9", Some("17")),
            ("icd9cm", "V58.61", Some("V")),
            ("icd9cm", "E849.0", Some("E")),
            ("icd9cm", "40", None),
            ("icd9pcs", "00.66", Some("0")),
            ("icd9pcs", "17.3", Some("3A")),
            ("icd9pcs", "38.93", Some("7")),
            ("icd9pcs", "99.04", Some("16")),
            ("icd10pcs", "0DTJ4ZZ", Some("0")),
            ("icd10pcs", "XW033E5", Some("X")),
            ("icd10pcs", "A", None),
            ("hcpcs", "J1885", Some("J")),
            ("cpt", "99213", None),
            ("icd10pcs", "", None),
        ] {
            let found = chapter(&Code::new(system, code)).map(|chapter| chapter.number);
            assert_eq!(found, expected, "{system} {code}");
        }
    }

    #[test]
    fn ranges_ascend_and_do_not_overlap() {
        let tables: [&[Range]; 5] = [
            &tables::ICD10CM,
            &tables::ICD9CM,
            &tables::ICD9PCS,
            &tables::ICD10PCS,
            &tables::HCPCS,
        ];
        for table in tables {
            for range in table {
                assert!(range.first <= range.last, "{range:?}");
                let meets = |o: &&Range| o.first <= range.last && range.first <= o.last;
                let length = |o: &&Range| o.first.len() == range.first.len();
                assert_eq!(table.iter().filter(length).filter(meets).count(), 1, "{range:?}");
            }
        }
        assert_eq!(tables.map(<[Range]>::len), [22, 19, 18, 17, 18]);
    }
}
