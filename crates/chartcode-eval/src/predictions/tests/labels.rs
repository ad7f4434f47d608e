use super::super::read_labels;
use super::*;

fn read(name: &'static str, text: &str) -> Result<Vec<Code>, String> {
    let file = Written::new(name, text);
    let labels = read_labels(&file.path(), Some("icd10cm"));
    labels.map(|labels| labels.to_vec()).map_err(|error| problem(&error))
}

#[test]
fn every_form_gives_the_labels_in_order() {
    let same = vec![code("R05.1"), Code::new("icd10pcs", "0BH17EZ"), code("E11.9")];
    for text in [
        "code\tsystem\nR051\ticd10cm\n0BH17EZ\tICD10PCS\nE11.9\t\n",
        "title,System,Code\n\"Cough, acute\",,R05.1\n,icd10pcs,0bh17ez\n,,E119\n",
        r#"["R05.1", {"system": "icd10pcs", "code": "0BH17EZ"}, {"code": "E119", "system": null}]"#,
    ] {
        assert_eq!(read("labels", text).unwrap(), same, "{text}");
    }
    let plain = vec![code("R05.1"), code("I10")];
    assert_eq!(read("labels.txt", "\u{feff}R05.1\r\n\n  i10 \n").unwrap(), plain);
    assert_eq!(read("labels.csv", "code\nR05.1\nI10\n").unwrap(), plain);
    let file = Written::new("labels.txt", "I10\n");
    assert_eq!(*read_labels(&file.path(), None).unwrap(), [Code::new("", "I10")]);
}

#[test]
fn what_is_no_label_is_named() {
    for (text, expected) in [
        ("I10\nR05.1 cough\n", "line 2: is no code; give a code a line, or a header with \"code\""),
        ("I10\nR051\ni10\n", "label I10 is there twice"),
        ("", "there are no labels"),
        ("code,title\n", "there are no labels"),
        ("code,title\nI10,x\n,y\n", "line 3: has no code"),
        ("code,title\nI10\n", "is not CSV: a row has not as many cells as the header"),
        ("[1]", "labels are not a JSON list of codes, or of objects with \"system\" and \"code\""),
    ] {
        assert_eq!(read("labels", text).unwrap_err(), expected, "{text}");
    }
}
