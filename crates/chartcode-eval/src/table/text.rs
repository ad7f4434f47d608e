//! Columns of strings and of ids.

use std::borrow::Cow;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, LargeStringArray, StringArray, StringViewArray};
use arrow_schema::DataType;

use super::number::{Numbers, is_number, whole};

/// Whether a column is one of strings; one that is null throughout is.
pub(crate) fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Whether a column can hold ids.
pub(crate) fn is_id(kind: &DataType) -> bool {
    is_text(kind) || is_number(kind)
}

/// A column of strings.
pub(crate) enum Texts<'a> {
    Plain(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
    /// Of each row its value, none where the row is null.
    Dictionary(Vec<Option<usize>>, Box<Texts<'a>>),
    /// Null throughout.
    Nothing,
}

impl<'a> Texts<'a> {
    /// The column as strings; `None` where it holds something else.
    pub(crate) fn of(array: &'a dyn Array) -> Option<Self> {
        match array.data_type() {
            DataType::Utf8 => array.as_string_opt().map(Self::Plain),
            DataType::LargeUtf8 => array.as_string_opt().map(Self::Large),
            DataType::Utf8View => array.as_string_view_opt().map(Self::View),
            DataType::Dictionary(..) => Self::of_dictionary(array),
            DataType::Null => Some(Self::Nothing),
            _ => None,
        }
    }

    fn of_dictionary(array: &'a dyn Array) -> Option<Self> {
        let dictionary = array.as_any_dictionary_opt()?;
        let values = Self::of(dictionary.values().as_ref())?;
        if dictionary.values().is_empty() {
            return Some(Self::Nothing);
        }
        let keys = dictionary.normalized_keys();
        let keys = keys
            .into_iter()
            .enumerate()
            .map(|(row, key)| array.is_valid(row).then_some(key))
            .collect();
        Some(Self::Dictionary(keys, Box::new(values)))
    }

    /// A row's string; `None` where it is null.
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Plain(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Dictionary(keys, values) => values.get(keys[row]?),
            Self::Nothing => None,
        }
    }
}

/// A column of ids: strings or whole numbers. pandas turns integers into floats where one is
/// missing, so floats without a fraction are whole numbers here.
pub(crate) enum Ids<'a> {
    Texts(Texts<'a>),
    Whole(Vec<Option<i128>>),
    Floats(Numbers<'a>),
}

impl<'a> Ids<'a> {
    /// The column as ids; `None` where it can hold none.
    pub(crate) fn of(array: &'a dyn Array) -> Option<Self> {
        if let Some(texts) = Texts::of(array) {
            return Some(Self::Texts(texts));
        }
        if let Some(whole) = whole(array) {
            return Some(Self::Whole(whole));
        }
        Numbers::of(array).map(Self::Floats)
    }

    /// A row's id; `None` where it is null, empty or no whole number.
    pub(crate) fn get(&self, row: usize) -> Option<Cow<'a, str>> {
        match self {
            Self::Texts(texts) => texts.get(row).filter(|id| !id.is_empty()).map(Cow::Borrowed),
            Self::Whole(numbers) => numbers[row].map(|id| Cow::Owned(id.to_string())),
            Self::Floats(numbers) => {
                let id = numbers.get(row)?;
                // Above 2^53 a float no longer tells neighbours apart.
                let whole = id.fract() == 0.0 && id.abs() <= 9_007_199_254_740_992.0;
                whole.then(|| Cow::Owned(format!("{id:.0}")))
            }
        }
    }
}
