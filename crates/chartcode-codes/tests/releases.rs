//! Official releases: an excerpt that is always here, and the whole files where they are at hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chartcode_codes::{CodeKey, CodeSet, Error, GroupKind, NoteKind, System, read};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// A file of a release beside the repository, where there is one.
fn release(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/codes");
    let path = folder.join(name);
    if !path.is_file() {
        eprintln!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}

fn set(path: &Path) -> CodeSet {
    CodeSet::build(&read(path).unwrap()).unwrap()
}

fn written(set: &CodeSet) -> BTreeSet<String> {
    set.entries().map(|entry| entry.key().as_str().to_owned()).collect()
}

#[test]
fn the_tabular_list_has_the_codes_of_the_official_list() {
    let set = set(&data("tabular.xml"));
    let official = std::fs::read_to_string(data("codes.txt")).unwrap();
    let official: BTreeSet<String> = official.lines().map(str::to_owned).collect();
    let ours = written(&set);
    assert_eq!(ours.difference(&official).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(official.difference(&ours).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!((set.system(), set.version()), (System::Icd10Cm, "2026"));
}

#[test]
fn codes_have_titles_parents_and_groups() {
    let set = set(&data("tabular.xml"));
    let code = set.find("S52.501A").unwrap();
    assert_eq!(
        code.title(),
        "Unspecified fracture of the lower end of right radius, initial encounter for closed fracture"
    );
    assert!(code.is_billable() && !set.find("S52.501").unwrap().is_billable());
    let above: Vec<String> = code.ancestors().map(chartcode_codes::Entry::code).collect();
    assert_eq!(above, ["S52.501", "S52.50", "S52.5", "S52"]);
    assert_eq!(code.group(GroupKind::Chapter).unwrap().id, "19");
    assert_eq!(code.group(GroupKind::Section).unwrap().id, "S50-S59");
    let below: Vec<String> =
        set.find("E11.2").unwrap().children().map(chartcode_codes::Entry::code).collect();
    assert_eq!(below, ["E11.21", "E11.22", "E11.29"]);
    assert_eq!(set.find("S03.00XD").unwrap().parent().unwrap().code(), "S03.00");
    assert!(set.find("Z99.9").is_none() && set.find("not a code").is_none());
}

#[test]
fn notes_and_seventh_characters_are_where_the_list_has_them() {
    let set = set(&data("tabular.xml"));
    let notes = |code: &str, kind| -> Vec<String> {
        let notes = set.find(code).unwrap().notes().filter(|(own, _)| *own == kind);
        notes.map(|(_, text)| text.to_owned()).collect()
    };
    assert!(
        notes("E11", NoteKind::Excludes1).contains(&"type 1 diabetes mellitus (E10.-)".to_owned())
    );
    assert_eq!(notes("E11.22", NoteKind::UseAdditional).len(), 1);
    assert!(notes("E11.21", NoteKind::Excludes1).is_empty());
    assert!(!notes("I11", NoteKind::Includes).is_empty());
    let last: Vec<_> = set.entries().last().unwrap().notes().collect();
    assert!(last.iter().all(|(_, text)| !text.contains("certain localized infections")));
    let chapter = set.groups().find(|group| group.id == "1").unwrap();
    assert!(set.group_notes(&chapter).any(|(kind, text)| {
        kind == NoteKind::Excludes1 && text.starts_with("certain localized infections")
    }));
    let seventh = set.find("S52.501").unwrap().seventh_characters();
    assert_eq!(seventh.len(), 16);
    assert_eq!(seventh[0], ('A', "initial encounter for closed fracture"));
    // A torus fracture has characters of its own.
    assert_eq!(set.find("S52.011").unwrap().seventh_characters().len(), 6);
    assert!(set.find("E11.9").unwrap().seventh_characters().is_empty());
}

#[test]
fn a_table_is_the_same_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("icd10cm-2026.codes");
    let built = set(&data("tabular.xml"));
    built.save(&path).unwrap();
    let opened = CodeSet::open(&path).unwrap();
    assert_eq!(written(&built), written(&opened));
    assert_eq!(built.sources(), opened.sources());
    assert!(opened.in_force().unwrap().holds("2025-10-01".parse().unwrap()));
    for (a, b) in built.entries().zip(opened.entries()) {
        assert_eq!((a.title(), a.is_billable()), (b.title(), b.is_billable()));
        assert!(a.notes().eq(b.notes()), "{a:?}");
    }
}

#[test]
fn a_damaged_table_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("icd10cm-2026.codes");
    set(&data("tabular.xml")).save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for bytes in [&whole[..whole.len() - 1], &whole[..40], &whole[..0], &flipped, b"something else"]
    {
        std::fs::write(&path, bytes).unwrap();
        let error = CodeSet::open(&path).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("import the release again"));
    }
}

#[test]
fn the_order_file_of_2026_has_its_known_counts() {
    let Some(path) = release("icd10cm-2026/icd10cm-order-2026.txt") else { return };
    let set = set(&path);
    assert_eq!((set.len(), set.billable(), set.version()), (98_186, 74_719, "2026"));
}

#[test]
fn the_list_of_2027_has_its_known_counts() {
    let Some(path) = release("icd10cm-2027-derived/icd10cm-2027-codes-derived.tsv") else { return };
    let set = set(&path);
    assert_eq!((set.len(), set.billable(), set.version()), (98_403, 74_879, "2027"));
}

#[test]
fn procedures_have_their_known_counts() {
    let Some(path) = release("icd10pcs-2026/icd10pcs_order_2026.txt") else { return };
    let set = set(&path);
    assert_eq!((set.system(), set.billable()), (System::Icd10Pcs, 79_115));
    let bypass = set.get(CodeKey::parse("0016070").unwrap()).unwrap();
    assert_eq!(bypass.parent().unwrap().code(), "001");
}

#[test]
fn lists_of_older_years_are_read() {
    let Some(path) = release("icd10cm-history/icd10cm_codes_2018.txt") else { return };
    let set = set(&path);
    assert_eq!((set.len(), set.billable()), (71_704, 71_704));
}

/// `CHARTCODE_TABULAR` names the data folder of the Python package simple-icd-10-cm.
#[test]
fn the_whole_tabular_list_has_the_codes_of_the_official_list() {
    let Some(folder) = std::env::var_os("CHARTCODE_TABULAR").map(PathBuf::from) else {
        eprintln!("skipped: CHARTCODE_TABULAR is not set");
        return;
    };
    let set = set(&folder.join("icd10c-tabular-April-1-2026.xml"));
    let official = std::fs::read_to_string(folder.join("code-list-April-2026.txt")).unwrap();
    let official: BTreeSet<&str> = official.split_whitespace().collect();
    let is_code = |line: &&&str| line.len() > 2 && !line.contains('-');
    let ours = written(&set);
    let missing: Vec<_> =
        official.iter().filter(is_code).filter(|code| !ours.contains(**code)).collect();
    assert_eq!(missing, Vec::<&&str>::new());
    let extra: Vec<_> = ours.iter().filter(|code| !official.contains(code.as_str())).collect();
    assert_eq!(extra, Vec::<&String>::new());
    assert_eq!(set.billable(), 74_719);
}

#[test]
fn the_tabular_list_and_the_order_file_agree() {
    let Some(folder) = std::env::var_os("CHARTCODE_TABULAR").map(PathBuf::from) else { return };
    let Some(order) = release("icd10cm-2026/icd10cm-order-2026.txt") else { return };
    let tabular = set(&folder.join("icd10c-tabular-April-1-2026.xml"));
    let order = set(&order);
    for entry in order.entries() {
        let other = tabular.get(entry.key()).unwrap();
        assert_eq!(entry.is_billable(), other.is_billable(), "{entry:?}");
    }
    let same = order.entries().filter(|entry| {
        tabular.get(entry.key()).is_some_and(|other| other.title() == entry.title())
    });
    eprintln!("{} of {} titles are the same", same.count(), order.len());
}
