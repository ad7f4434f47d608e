//! Which column of a table holds what, and lists of codes within one cell.

/// Names of the columns of CSV files and tables; where none is given, the usual names are looked
/// for, in upper or lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The chart's id: `id`, `_id`, `note_id`, `hadm_id`.
    pub id: Option<String>,
    /// The note: `text`, `note`, `note_text`.
    pub text: Option<String>,
    /// The codes: `codes`, `target`, `labels`, `code`, `icd_code`. Before these come
    /// `icd10_diag`, `icd10_proc`, `icd9_diag` and `icd9_proc`, which name their system too
    /// (medical-coding-reproducibility, Edin et al. 2023).
    pub codes: Option<String>,
    /// The system of the row's codes: `system`, `code_system`, `icd_version`.
    pub system: Option<String>,
}

/// Columns whose name says the system of their codes.
pub(crate) const SYSTEM_COLUMNS: [(&str, &str); 4] = [
    ("icd10_diag", "icd10cm"),
    ("icd10_proc", "icd10pcs"),
    ("icd9_diag", "icd9cm"),
    ("icd9_proc", "icd9pcs"),
];
pub(crate) const IDS: [&str; 4] = ["id", "_id", "note_id", "hadm_id"];
pub(crate) const SPLITS: [&str; 1] = ["split"];
pub(crate) const TEXTS: [&str; 3] = ["text", "note", "note_text"];
const CODES: [&str; 5] = ["codes", "target", "labels", "code", "icd_code"];
const SYSTEMS: [&str; 3] = ["system", "code_system", "icd_version"];

/// The columns of one table by their position, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) id: usize,
    pub(crate) text: Option<usize>,
    /// At least one.
    pub(crate) codes: Vec<CodeColumn>,
    pub(crate) system: Option<usize>,
    pub(crate) split: Option<usize>,
}

/// A column of codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CodeColumn {
    pub(crate) index: usize,
    /// The system, where the column's name says it.
    pub(crate) system: Option<&'static str>,
}

impl Columns {
    /// Finds the columns in a table's header.
    ///
    /// # Errors
    /// A problem to put behind the file's name. It shows no name of the header: in a file without
    /// one these are a chart's own words.
    pub(crate) fn place(&self, header: &[&str]) -> Result<Placed, String> {
        Ok(Placed {
            id: required(header, self.id.as_deref(), &IDS, "id")?,
            text: optional(header, self.text.as_deref(), &TEXTS)?,
            codes: self.code_columns(header)?,
            system: optional(header, self.system.as_deref(), &SYSTEMS)?,
            split: optional(header, None, &SPLITS)?,
        })
    }

    fn code_columns(&self, header: &[&str]) -> Result<Vec<CodeColumn>, String> {
        if self.codes.is_none() {
            let mut columns = Vec::new();
            for (name, system) in SYSTEM_COLUMNS {
                if let Some(index) = optional(header, None, &[name])? {
                    columns.push(CodeColumn { index, system: Some(system) });
                }
            }
            if !columns.is_empty() {
                return Ok(columns);
            }
        }
        let index = required(header, self.codes.as_deref(), &CODES, "codes")?;
        let name = header[index].trim();
        let system = SYSTEM_COLUMNS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        Ok(vec![CodeColumn { index, system: system.map(|&(_, system)| system) }])
    }
}

/// The position of the column that the caller names, or else of the first usual name there is.
pub(crate) fn required(
    header: &[&str],
    named: Option<&str>,
    usual: &[&str],
    what: &str,
) -> Result<usize, String> {
    optional(header, named, usual)?.ok_or_else(|| {
        format!(
            "none of its {} columns is called {}; the first row must name the columns, and one of \
             them hold the {what}",
            header.len(),
            usual.join(", "),
        )
    })
}

/// The same, where there may be none.
pub(crate) fn optional(
    header: &[&str],
    named: Option<&str>,
    usual: &[&str],
) -> Result<Option<usize>, String> {
    if let Some(name) = named {
        return match find(header, name)? {
            None => Err(format!("none of its {} columns is called {name}", header.len())),
            found => Ok(found),
        };
    }
    for name in usual {
        if let found @ Some(_) = find(header, name)? {
            return Ok(found);
        }
    }
    Ok(None)
}

fn find(header: &[&str], name: &str) -> Result<Option<usize>, String> {
    let is = |other: &&str| other.trim().eq_ignore_ascii_case(name.trim());
    match header.iter().filter(|&other| is(other)).count() {
        0 | 1 => Ok(header.iter().position(is)),
        n => Err(format!("{n} columns are called {name}; rename all but one")),
    }
}

/// The codes of one cell: separated by `;`, `|`, `,` or white space, or a list as JSON, Python or
/// `NumPy` write it (`["A","B"]`, `['A', 'B']`, `['A' 'B']`). Blank cells, and those that say that a
/// value is missing (`nan`, `None`, `null`), hold none.
///
/// # Errors
/// A problem to put behind "the codes", where a list is not closed.
pub(crate) fn split_codes(cell: &str) -> Result<Vec<&str>, &'static str> {
    let cell = cell.trim();
    if ["nan", "none", "null"].iter().any(|missing| cell.eq_ignore_ascii_case(missing)) {
        return Ok(Vec::new());
    }
    let inner = match cell.strip_prefix(['[', '(', '{']) {
        None => cell,
        Some(rest) => rest.strip_suffix([']', ')', '}']).ok_or("are a list that does not end")?,
    };
    let separates = |c: char| matches!(c, ';' | '|' | ',') || c.is_whitespace();
    let unquoted = inner.split(separates).map(|part| part.trim_matches(['\'', '"']));
    Ok(unquoted.filter(|part| !part.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(header: &[&str]) -> Placed {
        Columns::default().place(header).unwrap()
    }

    #[test]
    fn usual_names_are_found_in_their_order() {
        let placed = place(&["hadm_id", " Text ", "note_id", "TARGET", "icd_version", "Split"]);
        assert_eq!((placed.id, placed.text), (2, Some(1)));
        assert_eq!(placed.codes, [CodeColumn { index: 3, system: None }]);
        assert_eq!((placed.system, placed.split), (Some(4), Some(5)));
    }

    #[test]
    fn columns_of_a_system_win_over_the_target() {
        let placed = place(&["_id", "text", "target", "icd10_proc", "icd10_diag"]);
        let codes = placed.codes.iter().map(|column| (column.index, column.system));
        assert_eq!(codes.collect::<Vec<_>>(), [(4, Some("icd10cm")), (3, Some("icd10pcs"))]);
    }

    #[test]
    fn a_named_column_is_taken_and_must_be_there() {
        let header = ["id", "text", "gold", "icd10_diag"];
        let mut columns = Columns { codes: Some("gold".into()), ..Columns::default() };
        let codes = columns.place(&header).unwrap().codes;
        assert_eq!(codes, [CodeColumn { index: 2, system: None }]);
        columns.codes = Some("icd10_diag".into());
        assert_eq!(columns.place(&header).unwrap().codes[0].system, Some("icd10cm"));
        columns.codes = Some("truth".into());
        assert!(columns.place(&header).unwrap_err().contains("called truth"));
    }

    #[test]
    fn a_file_without_header_shows_none_of_its_words() {
        let problem = Columns::default().place(&["7", "a secret finding"]).unwrap_err();
        assert!(problem.contains("none of its 2 columns is called id, _id"), "{problem}");
        assert!(!problem.contains("secret"));
    }

    #[test]
    fn a_name_given_twice_is_refused() {
        let problem = Columns::default().place(&["id", "codes", "codes"]).unwrap_err();
        assert!(problem.contains("2 columns are called codes"), "{problem}");
    }

    #[test]
    fn cells_are_split_as_they_were_written() {
        let expected = ["E11.9", "I10"];
        for cell in [
            "E11.9;I10",
            " E11.9 , I10 ",
            "E11.9|I10|",
            "E11.9\nI10",
            "[\"E11.9\",\"I10\"]",
            "['E11.9', 'I10']",
            "['E11.9' 'I10']",
            "('E11.9', 'I10')",
            "{E11.9,I10}",
        ] {
            assert_eq!(split_codes(cell).unwrap(), expected, "{cell}");
        }
        for cell in ["", " ", "[]", "nan", "None", "null"] {
            assert!(split_codes(cell).unwrap().is_empty(), "{cell}");
        }
        assert!(split_codes("['E11.9'").is_err());
    }
}
