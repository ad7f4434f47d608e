//! Of how many bytes the items of each buffer of a batch are.
//!
//! `arrow-data` takes an offsets buffer for a slice of numbers before it checks its length, and
//! ends the program where that is no multiple of a number's.

use std::collections::HashMap;

use arrow_ipc::{Field, Schema, Type};

/// Bytes of an item for each buffer, in the order of a batch; buffers behind the last are of a type
/// that is not known here.
type Widths = Vec<u64>;

/// The buffers of a schema's batches.
#[derive(Default)]
pub(super) struct Layout {
    /// Of record batches.
    pub(super) columns: Widths,
    /// Of dictionary batches, by the dictionary's id.
    pub(super) dictionaries: HashMap<i64, Widths>,
}

impl Layout {
    pub(super) fn of(schema: Schema<'_>) -> Self {
        let mut layout = Self::default();
        let mut columns = Vec::new();
        let mut is_known = true;
        for field in schema.fields().into_iter().flatten() {
            is_known = layout.push(&mut columns, field, is_known);
        }
        layout.columns = columns;
        layout
    }

    /// Adds the buffers of a field as long as all before it are known; dictionaries always.
    fn push(&mut self, widths: &mut Widths, field: Field<'_>, is_known: bool) -> bool {
        let Some(dictionary) = field.dictionary() else {
            return self.push_values(widths, field, is_known);
        };
        let mut values = Vec::new();
        self.push_values(&mut values, field, true);
        self.dictionaries.insert(dictionary.id(), values);
        if is_known {
            let bits = dictionary.indexType().map_or(32, |index| index.bitWidth());
            widths.extend([1, u64::try_from(bits / 8).unwrap_or(1).max(1)]);
        }
        is_known
    }

    fn push_values(&mut self, widths: &mut Widths, field: Field<'_>, is_known: bool) -> bool {
        let own: Option<&[u64]> = match field.type_type() {
            Type::Null => Some(&[]),
            Type::Utf8 | Type::Binary => Some(&[1, 4, 1]),
            Type::LargeUtf8 | Type::LargeBinary => Some(&[1, 8, 1]),
            Type::List | Type::Map => Some(&[1, 4]),
            Type::LargeList => Some(&[1, 8]),
            Type::FixedSizeList | Type::Struct_ => Some(&[1]),
            Type::Int
            | Type::FloatingPoint
            | Type::Bool
            | Type::Decimal
            | Type::Date
            | Type::Time
            | Type::Timestamp
            | Type::Interval
            | Type::Duration
            | Type::FixedSizeBinary => Some(&[1, 1]),
            _ => None,
        };
        let mut is_known = is_known && own.is_some();
        if let (true, Some(own)) = (is_known, own) {
            widths.extend(own);
        }
        for child in field.children().into_iter().flatten() {
            is_known = self.push(widths, child, is_known);
        }
        is_known
    }
}
