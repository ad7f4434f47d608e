//! How a table holds predictions, told by its columns.

use std::sync::Arc;

use arrow_schema::{DataType, Field};

use super::context::{Context, Named, Spelt, distinct};
use super::labels::labels_of_json;
use super::{PredictionOptions, dense_scale};
use crate::code::Code;
use crate::error::{Error, Result};
use crate::predicted::Scale;
use crate::table::{
    TableFile, column, file_error, id_column, is_float, is_id, is_list_of, is_number, is_text,
    one_of,
};

/// The key of the file's metadata that holds the labels of dense scores, as JSON.
pub(super) const LABELS_KEY: &str = "labels";

/// How a table holds predictions, with the numbers of its columns.
pub(super) enum Form {
    /// A row a code.
    Long { code: usize, system: Option<usize>, decision: Option<usize>, number: Option<usize> },
    /// A row a chart, with a list of codes and perhaps one of numbers.
    Listed { codes: usize, numbers: Option<usize> },
    /// A row a chart, with a list of a number for every label.
    Dense { scores: usize, labels: Arc<[Code]> },
    /// A row a chart, with a column for every label.
    Wide { columns: Vec<usize>, labels: Arc<[Code]> },
}

impl Form {
    /// The form of a table, the column of ids, and what holds for its charts.
    pub(super) fn of(
        table: &TableFile,
        options: &PredictionOptions,
    ) -> Result<(Self, usize, Context)> {
        let id = id_column(table.names()).map_err(|problem| file_error(table.path(), problem))?;
        check(table, id, "ids: strings or integers", is_id)?;
        let (form, named) = match Self::of_codes(table, options)? {
            Some(form) => form,
            None => match number_column(table, options.scale, is_list) {
                Some((named, scores)) => (Self::dense(table, scores, options)?, Some(named)),
                None => (Self::wide(table, id, options)?, Some(Named::Score)),
            },
        };
        let context = Context::new(table.path(), options, named);
        if matches!(form, Self::Dense { .. } | Self::Wide { .. }) {
            dense_scale(context.scale)?;
        }
        Ok((form, id, context))
    }

    /// The columns that are read, but for the ids.
    pub(super) fn columns(&self) -> Vec<usize> {
        match self {
            &Self::Long { code, system, decision, number } => {
                [Some(code), system, decision, number].into_iter().flatten().collect()
            }
            &Self::Listed { codes, numbers } => std::iter::once(codes).chain(numbers).collect(),
            Self::Dense { scores, .. } => vec![*scores],
            Self::Wide { columns, .. } => columns.clone(),
        }
    }

    /// The forms that name codes in cells.
    fn of_codes(
        table: &TableFile,
        options: &PredictionOptions,
    ) -> Result<Option<(Self, Option<Named>)>> {
        if let Some(code) = column(table.names(), "code") {
            check(table, code, "codes: strings", is_id)?;
            let number = number_column(table, options.scale, is_number);
            let text = |name| {
                let column = column(table.names(), name);
                column.filter(|&column| is_text(table.schema().field(column).data_type()))
            };
            let (system, decision) = (text("system"), text("decision"));
            let form =
                Self::Long { code, system, decision, number: number.map(|(_, column)| column) };
            return Ok(Some((form, number.map(|(named, _)| named))));
        }
        let Some(codes) = one_of(table.names(), &["codes", "predictions"]) else {
            return Ok(None);
        };
        check(table, codes, "lists of strings", |kind| is_list_of(kind, is_id))?;
        let numbers = number_column(table, options.scale, is_list);
        let is_wide = |field: &Arc<Field>| is_float(field.data_type());
        if numbers.is_none()
            && table.schema().fields().iter().filter(|field| is_wide(field)).count() > 1
        {
            let problem = "has lists of codes and columns of floats: drop those that are no \
                predictions";
            return Err(file_error(table.path(), problem));
        }
        let form = Self::Listed { codes, numbers: numbers.map(|(_, column)| column) };
        Ok(Some((form, numbers.map(|(named, _)| named))))
    }

    fn dense(table: &TableFile, scores: usize, options: &PredictionOptions) -> Result<Self> {
        let system = options.system.as_deref().unwrap_or_default();
        let labels = match (table.schema().metadata().get(LABELS_KEY), &options.labels) {
            (Some(json), _) => labels_of_json(json, system),
            (None, Some(labels)) => Ok(Arc::clone(labels)),
            (None, None) => Err("does not say what its scores are of: it has no metadata \
                \"labels\"; give the labels in a file"
                .to_owned()),
        };
        let labels = labels.map_err(|problem| file_error(table.path(), problem))?;
        Ok(Self::Dense { scores, labels })
    }

    fn wide(table: &TableFile, id: usize, options: &PredictionOptions) -> Result<Self> {
        let fields = table.schema().fields().iter().enumerate();
        let (columns, names): (Vec<usize>, Vec<&str>) = fields
            .filter(|&(index, field)| index != id && is_float(field.data_type()))
            .map(|(index, field)| (index, field.name().as_str()))
            .unzip();
        if columns.is_empty() {
            let problem = "has no codes: neither a column \"code\", \"codes\", \"scores\", \
                \"probabilities\" or \"logits\", nor a column of floats for each code";
            return Err(file_error(table.path(), problem));
        }
        let context = Context::new(table.path(), options, None);
        let code = |code: &&str| context.code(&Spelt { system: None, code });
        let labels = names.iter().map(code).collect::<std::result::Result<_, _>>();
        let labels = labels.and_then(distinct);
        let labels = labels.map_err(|problem| file_error(table.path(), problem))?;
        Ok(Self::Wide { columns, labels })
    }
}

fn is_list(kind: &DataType) -> bool {
    is_list_of(kind, is_number)
}

/// The column of numbers that serves best.
fn number_column(
    table: &TableFile,
    scale: Option<Scale>,
    holds: impl Fn(&DataType) -> bool,
) -> Option<(Named, usize)> {
    let wanted = scale.unwrap_or(Scale::Probability);
    let fields = table.schema().fields().iter().enumerate();
    fields
        .filter(|(_, field)| holds(field.data_type()))
        .filter_map(|(index, field)| Some((Named::of(field.name())?, index)))
        .min_by_key(|(named, _)| named.rank(wanted))
}

fn check(
    table: &TableFile,
    column: usize,
    expected: &str,
    holds: impl Fn(&DataType) -> bool,
) -> Result<()> {
    let field = table.schema().field(column);
    if holds(field.data_type()) {
        return Ok(());
    }
    let (name, kind) = (field.name(), field.data_type());
    let problem = format!("column {name} holds {kind}, not {expected}");
    Err(Error::File { path: table.path().to_path_buf(), problem })
}
