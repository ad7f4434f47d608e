//! Columns of numbers.

use std::ops::Range;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Float16Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, Float32Array, Float64Array};
use arrow_schema::DataType;

/// Whether a column holds floats.
pub(crate) fn is_float(kind: &DataType) -> bool {
    kind.is_floating()
}

/// Whether a column holds integers or floats.
pub(crate) fn is_number(kind: &DataType) -> bool {
    kind.is_floating() || kind.is_integer()
}

/// A column of numbers.
pub(crate) enum Numbers<'a> {
    Single(&'a Float32Array),
    Double(&'a Float64Array),
    Other(Vec<Option<f64>>),
}

impl<'a> Numbers<'a> {
    /// The column as numbers; `None` where it holds something else.
    pub(crate) fn of(array: &'a dyn Array) -> Option<Self> {
        match array.data_type() {
            DataType::Float32 => array.as_primitive_opt().map(Self::Single),
            DataType::Float64 => array.as_primitive_opt().map(Self::Double),
            DataType::Float16 => of_type::<Float16Type, _>(array, f64::from).map(Self::Other),
            DataType::Null => Some(Self::Other(vec![None; array.len()])),
            _ => whole(array).map(|numbers| {
                Self::Other(numbers.into_iter().map(|number| number.map(|n| n as f64)).collect())
            }),
        }
    }

    /// A row's number; `None` where it is null.
    pub(crate) fn get(&self, row: usize) -> Option<f64> {
        match self {
            Self::Single(array) => array.is_valid(row).then(|| f64::from(array.value(row))),
            Self::Double(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Other(numbers) => numbers[row],
        }
    }

    /// The numbers of some rows; an error holds the place in `rows` of one that is null.
    pub(crate) fn singles(&self, rows: Range<usize>) -> Result<Vec<f32>, usize> {
        if let Self::Single(array) = self
            && array.null_count() == 0
        {
            return Ok(array.values()[rows].to_vec());
        }
        let start = rows.start;
        rows.map(|row| self.get(row).map(|number| number as f32).ok_or(row - start)).collect()
    }

    /// Writes row `r` to `into[r * stride]`, and gives the rows that are null.
    pub(crate) fn scatter(&self, into: &mut [f32], stride: usize) -> Vec<usize> {
        let cells = into.iter_mut().step_by(stride).enumerate();
        match self {
            Self::Single(array) if array.null_count() == 0 => {
                cells.zip(array.values()).for_each(|((_, cell), &number)| *cell = number);
                Vec::new()
            }
            Self::Double(array) if array.null_count() == 0 => {
                cells.zip(array.values()).for_each(|((_, cell), &number)| *cell = number as f32);
                Vec::new()
            }
            _ => cells
                .filter_map(|(row, cell)| match self.get(row) {
                    Some(number) => {
                        *cell = number as f32;
                        None
                    }
                    None => Some(row),
                })
                .collect(),
        }
    }
}

/// A column of integers; `None` where it holds something else.
pub(super) fn whole(array: &dyn Array) -> Option<Vec<Option<i128>>> {
    match array.data_type() {
        DataType::Int8 => of_type::<Int8Type, _>(array, i128::from),
        DataType::Int16 => of_type::<Int16Type, _>(array, i128::from),
        DataType::Int32 => of_type::<Int32Type, _>(array, i128::from),
        DataType::Int64 => of_type::<Int64Type, _>(array, i128::from),
        DataType::UInt8 => of_type::<UInt8Type, _>(array, i128::from),
        DataType::UInt16 => of_type::<UInt16Type, _>(array, i128::from),
        DataType::UInt32 => of_type::<UInt32Type, _>(array, i128::from),
        DataType::UInt64 => of_type::<UInt64Type, _>(array, i128::from),
        _ => None,
    }
}

fn of_type<T: ArrowPrimitiveType, N>(
    array: &dyn Array,
    convert: impl Fn(T::Native) -> N,
) -> Option<Vec<Option<N>>> {
    let array = array.as_primitive_opt::<T>()?;
    Some(array.iter().map(|number| number.map(&convert)).collect())
}
