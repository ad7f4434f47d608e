//! Which system a code belongs to, where the source names it in its own way or not at all.

use std::borrow::Cow;

use crate::code::Code;

/// Longest spelling that is taken for a code; SNOMED CT has 18 digits.
const LONGEST: usize = 20;

/// The system of a bare code by its spelling alone, or none where systems share the spelling.
///
/// | spelling | system |
/// |---|---|
/// | seven of `0-9A-HJ-NP-Z` without a dot, beginning as the tables of ICD-10-PCS do | `icd10pcs` |
/// | `V` and two digits, then nothing or a dot and one or two digits | `icd9cm` |
/// | `E` and three digits, then a dot and one digit; `E9` and two or three digits | `icd9cm` |
/// | a letter, a digit (or `A`), a digit, `A` or `B`, then up to four letters or digits, with or without a dot | `icd10cm` |
/// | three digits, then nothing or a dot and one or two digits | `icd9cm` |
/// | two digits, a dot, one or two digits | `icd9pcs` |
///
/// All billable codes of ICD-10-CM and ICD-10-PCS of 2026, with and without dots, are told right,
/// and so are the diagnoses of ICD-9-CM with dots, but for 16 E codes that have none (`E851`). What
/// is wrong or unknown:
/// - categories of ICD-10-CM among the transport accidents (`V43`, `V43.5`) pass for ICD-9-CM;
/// - ICD-9-CM without dots: four and five digits may be diagnoses, procedures or CPT and are
///   unknown, `V5861` and `E8490` pass for ICD-10-CM;
/// - HCPCS (`J1885`) is spelt as ICD-10-CM without a dot and passes for it.
#[must_use]
pub fn guess_system(code: &str) -> Option<&'static str> {
    let code = code.trim().to_ascii_uppercase();
    let dot = code.find('.');
    let bare = code.replacen('.', "", 1);
    if !bare.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match bare.bytes().next()? {
        _ if dot.is_none() && is_icd10pcs(bare.as_bytes()) => Some("icd10pcs"),
        b'A'..=b'Z' if is_icd9_supplement(bare.as_bytes(), dot) => Some("icd9cm"),
        b'A'..=b'Z' if is_icd10cm(bare.as_bytes(), dot) => Some("icd10cm"),
        b'0'..=b'9' => icd9_digits(bare.as_bytes(), dot),
        _ => None,
    }
}

/// Letters are tables of imaging (B), nuclear medicine (C), radiation (D), rehabilitation (F),
/// mental health (GZ), substance abuse (HZ) and new technology (X). Diagnoses of seven characters
/// without a dot share three of them: `C4410…`, `H4011…` and `X060XXA`.
fn is_icd10pcs(code: &[u8]) -> bool {
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() && !matches!(byte, b'I' | b'O');
    if code.len() != 7 || !code.iter().all(alphabet) {
        return false;
    }
    match (code[0], code[1]) {
        (b'C', b'4') => false,
        (b'G' | b'H', second) => second == b'Z',
        (b'X', b'0'..=b'9') => !(code[5] == b'X' && matches!(code[6], b'A' | b'D' | b'S')),
        (b'0'..=b'9' | b'B' | b'C' | b'D' | b'F' | b'X', _) => true,
        _ => false,
    }
}

/// The V and E codes of ICD-9-CM, as far as ICD-10-CM does not use their spelling.
fn is_icd9_supplement(code: &[u8], dot: Option<usize>) -> bool {
    let (first, digits) = (code[0], &code[1..]);
    if !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    match (first, digits.len(), dot) {
        (b'V', 2, None) | (b'V', 3 | 4, Some(3)) | (b'E', 4, Some(4)) => true,
        (b'E', 3 | 4, None) => digits[0] == b'9',
        _ => false,
    }
}

fn is_icd10cm(code: &[u8], dot: Option<usize>) -> bool {
    (3..=7).contains(&code.len())
        && (dot.is_none() || (dot == Some(3) && code.len() > 3))
        && (code[1].is_ascii_digit() || (code[1] == b'A' && code[2].is_ascii_digit()))
        && (code[2].is_ascii_digit() || matches!(code[2], b'A' | b'B'))
}

fn icd9_digits(code: &[u8], dot: Option<usize>) -> Option<&'static str> {
    match (code.iter().all(u8::is_ascii_digit), code.len(), dot) {
        (true, 3, None) | (true, 4 | 5, Some(3)) => Some("icd9cm"),
        (true, 3 | 4, Some(2)) => Some("icd9pcs"),
        _ => None,
    }
}

/// A code as a source spells it, with the system that the source names, or else guessed.
///
/// # Errors
/// A problem to put behind "code 3": the value itself may be a word of a chart where a column was
/// named wrongly, so it is not shown.
pub(crate) fn code_of(raw: &str, system: Option<&str>) -> Result<Code, &'static str> {
    let raw = raw.trim();
    if raw.is_empty() {
        return Err("is empty");
    }
    if raw.chars().count() > LONGEST || raw.contains(|c: char| c.is_control()) {
        return Err("is too long to be a code");
    }
    let system = match system.map(str::trim) {
        None | Some("") => guess_system(raw).map(Cow::Borrowed),
        Some(name) => named(name, raw),
    };
    match system {
        Some(system) => Ok(Code::new(&system, raw)),
        None => Err("has no system, and its spelling does not tell it; name the system"),
    }
}

/// The short name of a system that a source calls `ICD-10-CM`, `icd9_diag` or `10`.
fn named<'a>(name: &'a str, code: &str) -> Option<Cow<'a, str>> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let system = match plain.to_ascii_lowercase().as_str() {
        "icd10cm" | "icd10diag" => "icd10cm",
        "icd10pcs" | "icd10proc" => "icd10pcs",
        "icd9cm" | "icd9diag" => "icd9cm",
        "icd9pcs" | "icd9proc" => "icd9pcs",
        "cpt" | "cpt4" => "cpt",
        "hcpcs" | "hcpcs2" | "hcpcsleveliii" | "hcpcslevelii" => "hcpcs",
        "10" | "icd10" => version_10(code),
        "9" | "icd9" => return version_9(code).map(Cow::Borrowed),
        _ => return Some(Cow::Borrowed(name)),
    };
    Some(Cow::Borrowed(system))
}

fn version_10(code: &str) -> &'static str {
    let code = code.to_ascii_uppercase();
    let pcs = !code.contains('.') && is_icd10pcs(code.as_bytes());
    if pcs { "icd10pcs" } else { "icd10cm" }
}

/// Three and four digits without a dot may be either.
fn version_9(code: &str) -> Option<&'static str> {
    let digits = code.bytes().all(|byte| byte.is_ascii_digit());
    match (code.find('.'), code.len()) {
        (Some(2), _) => Some("icd9pcs"),
        (None, 2) if digits => Some("icd9pcs"),
        (None, 3 | 4) if digits => None,
        _ => Some("icd9cm"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn spellings_tell_systems() {
        for (code, system) in [
            ("E11.9", Some("icd10cm")),
            (" e119 ", Some("icd10cm")),
            ("I10", Some("icd10cm")),
            ("C4A.0", Some("icd10cm")),
            ("QA0.0101", Some("icd10cm")),
            ("V43.52XA", Some("icd10cm")),
            ("H401110", Some("icd10cm")),
            ("C441021", Some("icd10cm")),
            ("X060XXA", Some("icd10cm")),
            ("J1885", Some("icd10cm")),
            ("V5861", Some("icd10cm")),
            ("0DTJ4ZZ", Some("icd10pcs")),
            ("gzfzzzz", Some("icd10pcs")),
            ("X27H385", Some("icd10pcs")),
            ("X05133A", Some("icd10pcs")),
            ("V58.61", Some("icd9cm")),
            ("V30", Some("icd9cm")),
            ("E849.0", Some("icd9cm")),
            ("E9600", Some("icd9cm")),
            ("401.9", Some("icd9cm")),
            ("593.70", Some("icd9cm")),
            ("462", Some("icd9cm")),
            ("38.93", Some("icd9pcs")),
            ("4019", None),
            ("99213", None),
            ("38", None),
            ("E1.19", None),
            ("E11.", None),
            ("0DTO4ZZ", None),
            ("CT13", None),
            ("fever", None),
            ("", None),
            ("E11.9.1", None),
            ("ü11", None),
        ] {
            assert_eq!(guess_system(code), system, "{code}");
        }
    }

    #[test]
    fn names_of_sources_are_understood() {
        for (name, code, expected) in [
            ("ICD-10-CM", "e119", ("icd10cm", "E11.9")),
            ("ICD-9-CM", "4019", ("icd9cm", "401.9")),
            ("icd9_proc", "3893", ("icd9pcs", "38.93")),
            ("10", "0DTJ4ZZ", ("icd10pcs", "0DTJ4ZZ")),
            ("10", "E119", ("icd10cm", "E11.9")),
            ("9", "59370", ("icd9cm", "593.70")),
            ("9", "38.93", ("icd9pcs", "38.93")),
            ("9", "V3000", ("icd9cm", "V30.00")),
            ("OPCS-4", "k40.1", ("opcs-4", "K40.1")),
        ] {
            let code = code_of(code, Some(name)).unwrap();
            assert_eq!((code.system.as_str(), code.code.as_str()), expected);
        }
        assert!(code_of("3893", Some("9")).is_err());
        assert!(code_of("99213", None).unwrap_err().contains("name the system"));
        assert!(code_of(" ", Some("cpt")).is_err());
        assert!(code_of("a very long sentence", None).is_err());
        assert!(code_of("a very long sentence of a chart", Some("cpt")).is_err());
    }

    /// The lists that the documentation of `guess_system` speaks of.
    #[test]
    fn published_codes_are_told_right() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/codes");
        let read = |name: &str| fs::read_to_string(root.join(name)).ok();
        let (Some(cm), Some(pcs), Some(icd9)) = (
            read("icd10cm-2026/icd10cm-codes-2026.txt"),
            read("icd10pcs-2026/icd10pcs_order_2026.txt"),
            read("gems-2018/2018_I9gem.txt"),
        ) else {
            println!("skipped: no shared/data/codes");
            return;
        };
        let word = |text: &str, n: usize| -> Vec<String> {
            text.lines().filter_map(|line| Some(line.split_whitespace().nth(n)?.into())).collect()
        };
        let check = |codes: Vec<String>, system: &str, spellings: &[&dyn Fn(&str) -> String]| {
            assert!(codes.len() > 10_000);
            for code in codes {
                for spell in spellings {
                    assert_eq!(guess_system(&spell(&code)), Some(system), "{code}");
                }
            }
        };
        check(word(&cm, 0), "icd10cm", &[&str::to_owned, &|code| Code::new("icd10cm", code).code]);
        let billable: Vec<String> = word(&pcs, 1).into_iter().filter(|c| c.len() == 7).collect();
        check(billable, "icd10pcs", &[&str::to_owned]);
        let mut icd9 = word(&icd9, 0);
        let n = icd9.len();
        let is_bare = |code: &String| code.starts_with('E') && code.len() == 4;
        icd9.retain(|code| !is_bare(code) || guess_system(code) == Some("icd9cm"));
        assert_eq!(n - icd9.len(), 16);
        check(icd9, "icd9cm", &[&|code| Code::new("icd9cm", code).code]);
    }
}
