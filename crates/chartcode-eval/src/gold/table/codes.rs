//! The codes of each row.

use crate::code::Code;
use crate::error::Result;
use crate::gold::system::code_of;
use crate::gold::table::plan::{CodeColumn, Form, SystemOf, of_kind};
use crate::table::{Batch, Ids, Lists, Texts};

/// Something of a row, or what is wrong with it.
pub(super) type Checked<T> = std::result::Result<T, String>;

/// The codes of each row of a batch, in the order of the source.
pub(super) fn of_rows(batch: &Batch, codes: &CodeColumn) -> Result<Vec<Checked<Vec<Code>>>> {
    let spelt = spelt(batch, codes)?;
    let rows = spelt.into_iter();
    Ok(match &codes.system {
        SystemOf::Fixed(system) => rows.map(|spelt| all(&spelt?, |_| Some(system))).collect(),
        SystemOf::Column(column, default) => {
            let own = batch.texts(*column)?;
            let system = |row| own.get(row).filter(|own| !own.trim().is_empty());
            rows.enumerate()
                .map(|(row, spelt)| all(&spelt?, |_| system(row).or(default.as_deref())))
                .collect()
        }
        SystemOf::Types { column, default, procedures } => {
            let types = batch.lists(*column)?;
            let types = texts_of(batch, *column, &types)?;
            rows.enumerate()
                .map(|(row, spelt)| {
                    let types = types.get(row).map(Vec::as_slice).unwrap_or_default();
                    let own = |place: usize| system_of(types.get(place)?.as_deref()?, *procedures);
                    all(&spelt?, |place| own(place).or_else(|| default.clone()))
                })
                .collect()
        }
    })
}

/// Codes with the system of each place.
fn all<S: AsRef<str>>(spelt: &[String], system: impl Fn(usize) -> Option<S>) -> Checked<Vec<Code>> {
    let one = |(place, code): (usize, &String)| {
        let system = system(place);
        let system = system.as_ref().map(AsRef::as_ref);
        code_of(code, system).map_err(|problem| format!("code {} {problem}", place + 1))
    };
    spelt.iter().enumerate().map(one).collect()
}

/// The system by a name as MDACE writes it, e.g. `ICD-10-CM`; `None` where it is not known.
fn system_of(name: &str, procedures: bool) -> Option<String> {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "cpt" | "hcpcs" | "icd10cm" | "icd10pcs" | "icd9pcs" => Some(name),
        "icd9cm" | "icd9" | "icd10" => Some(of_kind(&name, procedures)),
        _ => None,
    }
}

/// The codes of each row as the source spells them.
fn spelt(batch: &Batch, codes: &CodeColumn) -> Result<Vec<Checked<Vec<String>>>> {
    let column = codes.column;
    match codes.form {
        Form::List => {
            let lists = batch.lists(column)?;
            let rows = texts_of(batch, column, &lists)?;
            let row = |row: Vec<Option<String>>| row.into_iter().map(code).collect();
            Ok(rows.into_iter().map(row).collect())
        }
        Form::Text => {
            let texts = batch.texts(column)?;
            Ok((0..batch.len()).map(|row| split(texts.get(row).unwrap_or_default())).collect())
        }
        Form::One => {
            let ids = batch.ids(column)?;
            Ok((0..batch.len()).map(|row| one(&ids, row)).collect())
        }
    }
}

fn one(ids: &Ids<'_>, row: usize) -> Checked<Vec<String>> {
    match ids.get(row).filter(|code| !code.trim().is_empty()) {
        Some(spelt) => Ok(vec![code(Some(spelt.into_owned()))?]),
        None => Ok(Vec::new()),
    }
}

/// A string of codes, as spreadsheets hold them.
fn split(codes: &str) -> Checked<Vec<String>> {
    let parts = codes.split(|c: char| c.is_whitespace() || matches!(c, ';' | '|' | ','));
    parts.filter(|part| !part.is_empty()).map(|part| code(Some(part.to_owned()))).collect()
}

/// Anything with quotes or brackets is a list that was written as a string.
fn code(spelt: Option<String>) -> Checked<String> {
    let spelt = spelt.unwrap_or_default().trim().to_owned();
    let good =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '+' | ':');
    if spelt.is_empty() || !spelt.chars().all(good) {
        return Err("one of its codes is empty or no code".to_owned());
    }
    Ok(spelt)
}

fn texts_of(batch: &Batch, column: usize, lists: &Lists) -> Result<Vec<Vec<Option<String>>>> {
    let items = Texts::of(lists.items());
    let items = items.ok_or_else(|| batch.wrong(column, "lists of strings"))?;
    let item = |item| items.get(item).map(str::to_owned);
    let row = |row| lists.get(row).unwrap_or(0..0).map(item).collect();
    Ok((0..batch.len()).map(row).collect())
}
