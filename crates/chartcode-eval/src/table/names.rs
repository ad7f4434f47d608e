//! Columns by their names.

/// Names under which published data keep a chart's id, the most telling first.
const ID_COLUMNS: [&str; 4] = ["id", "_id", "note_id", "hadm_id"];

/// The place of a column, whatever its case; the exact spelling first.
pub(crate) fn column<'n>(
    names: impl Iterator<Item = &'n str> + Clone,
    name: &str,
) -> Option<usize> {
    let exact = names.clone().position(|other| other == name);
    let mut names = names;
    exact.or_else(|| names.position(|other| other.eq_ignore_ascii_case(name)))
}

/// The place of the first of `candidates` that is a column.
pub(crate) fn one_of<'n>(
    names: impl Iterator<Item = &'n str> + Clone,
    candidates: &[&str],
) -> Option<usize> {
    let names: Vec<&str> = names.collect();
    candidates.iter().find_map(|name| column(names.iter().copied(), name))
}

/// The place of the column of ids; what to say where there is none.
pub(crate) fn id_column<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Result<usize, String> {
    one_of(names, &ID_COLUMNS)
        .ok_or_else(|| format!("has no column of ids: one of {}", ID_COLUMNS.join(", ")))
}
