//! Which columns of a table hold what.

use arrow_schema::DataType;

use crate::error::Result;
use crate::gold::columns::{SYSTEM_COLUMNS, TEXTS};
use crate::table::{TableFile, column, file_error, id_column, is_id, is_list_of, is_text, one_of};

/// What a table does not say itself. Columns that are not named are found by their usual names.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableColumns {
    /// The column of ids.
    pub(crate) id: Option<String>,
    /// The column of notes.
    pub(crate) text: Option<String>,
    /// The column of codes.
    pub(crate) codes: Option<String>,
    /// The column of systems.
    pub(crate) system_column: Option<String>,
    /// The system of codes that come without one; where there is none it is guessed.
    pub(crate) system: Option<String>,
}

/// Which columns of a table hold what, by their numbers.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) id: usize,
    pub(super) text: Option<usize>,
    pub(super) split: Option<usize>,
    pub(super) codes: Vec<CodeColumn>,
}

/// A column of codes.
#[derive(Clone, Debug)]
pub(super) struct CodeColumn {
    pub(super) column: usize,
    pub(super) form: Form,
    pub(super) system: SystemOf,
    /// The passages of each code.
    pub(super) spans: Option<usize>,
}

/// How a column holds codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A list a chart.
    List,
    /// A string of several codes a chart.
    Text,
    /// A row a code.
    One,
}

/// Where the system of a column's codes stands.
#[derive(Clone, Debug)]
pub(super) enum SystemOf {
    /// All are of this one; empty where their spelling is to tell.
    Fixed(String),
    /// In a column of strings, and this one where a row has none.
    Column(usize, Option<String>),
    /// In a column of lists beside the codes, e.g. `ICD-10-CM`.
    Types { column: usize, default: Option<String>, procedures: bool },
}

const FORMS: &str = "has no column of codes: icd10_diag, icd10_proc, icd9_diag, icd9_proc, \
    diagnosis_codes, procedure_codes, target, codes, labels or code";

impl Plan {
    pub(super) fn of(table: &TableFile, columns: &TableColumns) -> Result<Self> {
        let finder = Finder { table, columns };
        let id = match &columns.id {
            Some(name) => finder.named(name)?,
            None => id_column(table.names()).map_err(|problem| finder.error(problem))?,
        };
        finder.check(id, "ids: strings or integers", is_id)?;
        let text = match &columns.text {
            Some(name) => Some(finder.named(name)?),
            None => one_of(table.names(), &TEXTS),
        };
        if let Some(text) = text {
            finder.check(text, "strings", is_text)?;
        }
        let split = column(table.names(), "split").filter(|&split| is_text(finder.kind(split)));
        let codes = finder.codes()?;
        if codes.is_empty() {
            return Err(finder.error(FORMS));
        }
        Ok(Self { id, text, split, codes })
    }

    /// Whether a row is a code, not a chart.
    pub(super) fn is_long(&self) -> bool {
        self.codes.iter().any(|codes| codes.form == Form::One)
    }

    /// All columns that are read.
    pub(super) fn columns(&self) -> Vec<usize> {
        let of_codes = self.codes.iter().flat_map(|codes| {
            let system = match codes.system {
                SystemOf::Fixed(_) => None,
                SystemOf::Column(column, _) | SystemOf::Types { column, .. } => Some(column),
            };
            [Some(codes.column), codes.spans, system]
        });
        [Some(self.id), self.text, self.split].into_iter().chain(of_codes).flatten().collect()
    }
}

struct Finder<'a> {
    table: &'a TableFile,
    columns: &'a TableColumns,
}

impl Finder<'_> {
    fn codes(&self) -> Result<Vec<CodeColumn>> {
        if let Some(name) = &self.columns.codes {
            return Ok(vec![self.general(self.named(name)?)?]);
        }
        for find in [Self::by_system, Self::by_kind] {
            let found = find(self)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let general = one_of(self.table.names(), &["target", "codes", "labels", "code"]);
        Ok(general.map(|column| self.general(column)).transpose()?.into_iter().collect())
    }

    fn by_system(&self) -> Result<Vec<CodeColumn>> {
        let there =
            SYSTEM_COLUMNS.iter().filter_map(|&(name, system)| Some((self.find(name)?, system)));
        there
            .map(|(column, system)| {
                self.check(column, "lists of strings", |kind| is_list_of(kind, is_text))?;
                let system = SystemOf::Fixed(system.to_owned());
                Ok(CodeColumn { column, form: Form::List, system, spans: None })
            })
            .collect()
    }

    /// The columns of explainable-medical-coding.
    fn by_kind(&self) -> Result<Vec<CodeColumn>> {
        let kinds = [("diagnosis", false), ("procedure", true)];
        let there = kinds.iter().filter_map(|&(name, procedures)| {
            Some((self.find(&format!("{name}_codes"))?, name, procedures))
        });
        there
            .map(|(column, name, procedures)| {
                self.check(column, "lists of strings", |kind| is_list_of(kind, is_text))?;
                let default =
                    self.columns.system.as_deref().map(|system| of_kind(system, procedures));
                let types = self.find(&format!("{name}_code_types"));
                let types = types.filter(|&types| is_list_of(self.kind(types), is_text));
                let system = match (types, default) {
                    (Some(column), default) => SystemOf::Types { column, default, procedures },
                    (None, system) => SystemOf::Fixed(system.unwrap_or_default()),
                };
                let spans = self.find(&format!("{name}_code_spans"));
                Ok(CodeColumn { column, form: Form::List, system, spans })
            })
            .collect()
    }

    /// Any other column of codes, by its type.
    fn general(&self, column: usize) -> Result<CodeColumn> {
        let kind = self.kind(column);
        let name = self.table.schema().field(column).name();
        let form = if name.eq_ignore_ascii_case("code") && is_id(kind) {
            Form::One
        } else if is_list_of(kind, is_text) {
            Form::List
        } else {
            self.check(column, "lists of strings, or strings", is_text)?;
            Form::Text
        };
        let default = self.columns.system.clone();
        let own = match &self.columns.system_column {
            Some(name) => Some(self.named(name)?),
            None => self.find("system"),
        };
        let own = own.filter(|&own| is_text(self.kind(own)));
        let system = match (own, default) {
            (Some(own), default) => SystemOf::Column(own, default),
            (None, system) => SystemOf::Fixed(system.unwrap_or_default()),
        };
        Ok(CodeColumn { column, form, system, spans: None })
    }

    fn find(&self, name: &str) -> Option<usize> {
        column(self.table.names(), name)
    }

    fn named(&self, name: &str) -> Result<usize> {
        self.find(name).ok_or_else(|| self.error(format!("has no column {name:?}")))
    }

    fn kind(&self, column: usize) -> &DataType {
        self.table.schema().field(column).data_type()
    }

    fn check(
        &self,
        column: usize,
        expected: &str,
        holds: impl Fn(&DataType) -> bool,
    ) -> Result<()> {
        let kind = self.kind(column);
        if holds(kind) {
            return Ok(());
        }
        let name = self.table.schema().field(column).name();
        Err(self.error(format!("column {name} holds {kind}, not {expected}")))
    }

    fn error(&self, problem: impl Into<String>) -> crate::Error {
        file_error(self.table.path(), problem)
    }
}

/// The system of diagnoses or of procedures in the revision of `system`.
pub(super) fn of_kind(system: &str, procedures: bool) -> String {
    let revision = ["icd10", "icd9"].into_iter().find(|revision| system.starts_with(revision));
    match revision {
        Some(revision) if procedures => format!("{revision}pcs"),
        Some(revision) => format!("{revision}cm"),
        None => system.to_owned(),
    }
}
