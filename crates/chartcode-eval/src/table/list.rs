//! Columns of lists.

use std::ops::Range;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, OffsetSizeTrait};
use arrow_schema::DataType;

/// Whether a column holds lists of what `holds` accepts; one that is null throughout does.
pub(crate) fn is_list_of(kind: &DataType, holds: impl Fn(&DataType) -> bool) -> bool {
    match kind {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            holds(item.data_type())
        }
        DataType::Null => true,
        _ => false,
    }
}

/// A column of lists: the items of all rows, and which are whose.
pub(crate) struct Lists {
    /// The items of these rows.
    items: ArrayRef,
    /// Of each row its part of `items`; `None` where the row is null.
    rows: Vec<Option<Range<usize>>>,
}

impl Lists {
    /// The column as lists; `None` where it holds something else.
    pub(crate) fn of(array: &dyn Array) -> Option<Self> {
        match array.data_type() {
            DataType::List(_) => variable::<i32>(array),
            DataType::LargeList(_) => variable::<i64>(array),
            DataType::FixedSizeList(..) => fixed(array),
            DataType::Null => Some(Self {
                items: arrow_array::new_empty_array(&DataType::Null),
                rows: vec![None; array.len()],
            }),
            _ => None,
        }
    }

    /// The items of all rows.
    pub(crate) fn items(&self) -> &dyn Array {
        self.items.as_ref()
    }

    /// The part of [`Lists::items`] that is a row's; `None` where it is null.
    pub(crate) fn get(&self, row: usize) -> Option<Range<usize>> {
        self.rows[row].clone()
    }
}

/// Only the items of these rows are kept: a batch may be a small slice of a large column.
fn variable<O: OffsetSizeTrait>(array: &dyn Array) -> Option<Lists> {
    let lists = array.as_list_opt::<O>()?;
    let offsets: Vec<usize> =
        lists.value_offsets().iter().map(|offset| offset.as_usize()).collect();
    let (first, last) = (*offsets.first()?, *offsets.last()?);
    let items = lists.values().slice(first, last - first);
    let range = |row: usize| offsets[row] - first..offsets[row + 1] - first;
    let rows = (0..array.len()).map(|row| array.is_valid(row).then(|| range(row))).collect();
    Some(Lists { items, rows })
}

fn fixed(array: &dyn Array) -> Option<Lists> {
    let lists = array.as_fixed_size_list_opt()?;
    let size = usize::try_from(lists.value_length()).ok()?;
    let range = |row: usize| row * size..(row + 1) * size;
    let rows = (0..array.len()).map(|row| array.is_valid(row).then(|| range(row))).collect();
    Some(Lists { items: lists.values().clone(), rows })
}
