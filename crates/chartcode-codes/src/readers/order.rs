//! Order files and lists of codes.
//!
//! An order file has a running number (columns 1–5), the code (7–13), 1 where it is billable and 0
//! where it is a header (15), a short title (17–76) and the full one (from 78); source: the CMS's
//! `ICD10OrderFiles.pdf`. A list of codes has the code, blanks and the title, and only billable
//! codes. Tables with tabs have code, 0 or 1, title.

use std::path::Path;

use super::lines::{Line, year_of};
use super::unknown;
use crate::draft::Draft;
use crate::error::Result;
use crate::system::System;

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Order,
    Tabs,
    List,
}

/// What the file is, and its codes.
pub(super) fn read(path: &Path, text: &str) -> Result<(&'static str, Draft)> {
    let first = Line::all(path, text).next().ok_or_else(|| unknown(path))?;
    let form = form_of(first.text).ok_or_else(|| unknown(path))?;
    let mut draft = Draft::new(System::Icd10Cm);
    draft.version = year_of(path);
    for line in Line::all(path, text) {
        let (key, title, billable) = match form {
            Form::Order => {
                let key = line.code(line.text.get(6..13))?;
                (key, line.text.get(77..), flag(line, line.text.get(14..15))?)
            }
            Form::Tabs => {
                let mut fields = line.text.split('\t');
                let (key, billable) = (line.code(fields.next())?, flag(line, fields.next())?);
                (key, fields.next(), billable)
            }
            Form::List => (line.code(line.text.get(..7))?, line.text.get(7..), true),
        };
        let title = title.map(str::trim).filter(|title| !title.is_empty());
        let title = title.ok_or_else(|| line.error("no title"))?;
        if !draft.add_code(key, title, Some(billable)) {
            return Err(line.error(format!("{} is here twice", key.as_str())));
        }
    }
    draft.system = system_of(&draft).ok_or_else(|| unknown(path))?;
    let what = match form {
        Form::Order => "order file",
        Form::Tabs | Form::List => "list of codes",
    };
    Ok((what, draft))
}

/// The system whose codes they are, all of them.
fn system_of(draft: &Draft) -> Option<System> {
    let systems = [System::Icd10Cm, System::Icd10Pcs];
    systems.into_iter().find(|system| draft.codes.keys().all(|key| system.fits(*key)))
}

fn form_of(line: &str) -> Option<Form> {
    let is_order = line.len() > 77
        && line.get(..5)?.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(line.get(13..16)?, " 0 " | " 1 ");
    if is_order {
        return Some(Form::Order);
    }
    if let [code, "0" | "1", _] = line.split('\t').collect::<Vec<_>>()[..] {
        return crate::CodeKey::parse(code).map(|_| Form::Tabs);
    }
    let (code, title) = line.split_at_checked(7)?;
    let key = crate::CodeKey::parse(code.trim())?;
    (System::Icd10Cm.fits(key) && title.starts_with(' ')).then_some(Form::List)
}

fn flag(line: Line<'_>, text: Option<&str>) -> Result<bool> {
    match text {
        Some("1") => Ok(true),
        Some("0") => Ok(false),
        _ => Err(line.error("neither 0 (header) nor 1 (billable)")),
    }
}
