//! Damaged files: a clear error that names file and line, never a panic.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

use std::path::Path;

use chartcode_codes::{CodeSet, Draft, Error, read};

fn try_read(name: &str, bytes: &[u8]) -> Result<Draft, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    read(&path)
}

fn tabular() -> Vec<u8> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tabular.xml");
    std::fs::read(data).unwrap()
}

const ORDER: &str = "\
00001 A00     0 Cholera                                                      Cholera
00002 A000    1 Cholera due to Vibrio cholerae 01, biovar cholerae           Cholera due to Vibrio cholerae 01, biovar cholerae
";

#[test]
fn a_truncated_tabular_list_is_told_wherever_it_ends() {
    let whole = tabular();
    let end = whole.iter().rposition(|&byte| byte == b'<').unwrap();
    for at in (1..40).map(|part| end * part / 40).chain([end]) {
        let error = try_read("tabular.xml", &whole[..at]).unwrap_err();
        let is_told = matches!(error, Error::Xml { .. } | Error::Line { .. });
        assert!(is_told, "{at}: {error}");
        assert!(error.to_string().contains("tabular.xml, line "), "{error}");
    }
}

#[test]
fn bytes_that_are_changed_are_no_panic() {
    let whole = tabular();
    let mut state = 1_usize;
    for _ in 0..60 {
        let mut bytes = whole[..60_000].to_vec();
        for _ in 0..20 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 20) % bytes.len();
            bytes[at] = b"<>&/\"= xA0.\n"[(state >> 8) % 12];
        }
        assert!(try_read("tabular.xml", &bytes).is_err(), "it is not whole");
    }
}

#[test]
fn bombs_do_not_go_off() {
    let entities = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
    let bomb = format!("{entities}<ICD10CM.tabular><version>&b;</version></ICD10CM.tabular>");
    let error = try_read("tabular.xml", bomb.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("unknown entity \"b\""), "{error}");
    let deep = format!("<ICD10CM.tabular>{}", "<diag>".repeat(100_000));
    let error = try_read("tabular.xml", deep.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("too deep"), "{error}");
}

#[test]
fn a_tabular_list_that_says_nonsense_is_told() {
    for (inner, problem) in [
        ("<diag><name>Cholera</name></diag>", "is no code"),
        ("<diag><name>A00</name></diag>", "A00 has no title"),
        ("<diag><desc>Cholera</desc></diag>", "a code without a name"),
        ("<diag><includes><note>x</note></includes></diag>", "a note before a name"),
        ("<chapter><desc>Infections</desc></chapter>", "ends without its range"),
        ("<sevenChrDef><extension>initial</extension></sevenChrDef>", "no attribute \"char\""),
        ("<sevenChrDef><extension char=\"AB\"/></sevenChrDef>", "no release that is known"),
    ] {
        let text = format!("<ICD10CM.tabular>\n{inner}\n</ICD10CM.tabular>");
        let error = try_read("tabular.xml", text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(problem), "{inner}: {error}");
    }
}

#[test]
fn other_files_are_refused() {
    for (name, bytes) in [
        ("empty.txt", &b""[..]),
        ("note.txt", b"Patient feels well and was discharged home."),
        ("page.html", b"<html><body>A00</body></html>"),
        ("zeros.bin", &[0; 300]),
    ] {
        let error = try_read(name, bytes).unwrap_err();
        assert!(matches!(error, Error::UnknownFile { .. }), "{name}: {error}");
        assert!(!error.to_string().contains("feels well"));
    }
    let error = try_read("latin.txt", b"A000    Caf\xe9").unwrap_err();
    assert!(matches!(error, Error::NotUtf8 { offset: 11, .. }), "{error}");
    assert!(matches!(read("/no/such/file"), Err(Error::Io { .. })));
}

#[test]
fn bad_lines_are_named() {
    let lines: Vec<&str> = ORDER.lines().collect();
    let bad = [
        (format!("{ORDER}{}\n", lines[1]), "line 3: A000 is here twice"),
        (format!("{ORDER}{}\n", lines[1].replace("A000 ", "A!0  ")), "line 3: \"A!0\" is no code"),
        (format!("{ORDER}{}\n", lines[1].replace("A000    1", "A001    7")), "line 3: neither 0"),
        (format!("{ORDER}{}\n", &lines[1].replace("A000 ", "A001 ")[..40]), "line 3: no title"),
        (format!("{ORDER}é\n"), "line 3: \"\" is no code"),
    ];
    for (text, problem) in bad {
        let error = try_read("icd10cm-order-2026.txt", text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[test]
fn a_version_must_come_from_somewhere() {
    let draft = try_read("order.txt", ORDER.as_bytes()).unwrap();
    let error = CodeSet::build(&draft).unwrap_err();
    assert!(error.to_string().contains("--version"), "{error}");
    let mut of_year = try_read("icd10cm-order-2026.txt", ORDER.as_bytes()).unwrap();
    assert_eq!(of_year.version.as_deref(), Some("2026"));
    let next = try_read("icd10cm-order-2027.txt", ORDER.as_bytes()).unwrap();
    let error = of_year.merge(next).unwrap_err();
    assert!(error.to_string().contains("version 2026, another of 2027"), "{error}");
}

#[test]
fn a_file_that_is_no_table_is_not_quoted() {
    let note = format!("{ORDER}Patient feels well and was discharged home on aspirin.\n");
    let error = try_read("icd10cm-order-2026.txt", note.as_bytes()).unwrap_err();
    assert!(!error.to_string().contains("aspirin"), "{error}");
    let note = "A000\t1\tCholera\nPatient feels well\t1\tx\n";
    let error = try_read("codes.tsv", note.as_bytes()).unwrap_err();
    assert!(error.to_string().ends_with("line 2: no code at its beginning"), "{error}");
}
