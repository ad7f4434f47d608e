//! What a pickle describes, as plain data.

use std::borrow::Cow;
use std::rc::Rc;

use super::dtype::{DType, Element};

/// Names a value of [`Values`]. Containers hold these instead of values, so that values the pickle
/// shares are shared here too, and one that holds itself costs nothing to build or drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u32);

/// One value.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// Nothing.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(i64),
    /// A wider integer: little-endian two's complement.
    Long(Cow<'a, [u8]>),
    /// A number.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Raw bytes.
    Bytes(Cow<'a, [u8]>),
    /// The text whose letters are bytes 0 to 255: how protocol 2 writes bytes.
    Latin1(Id),
    /// A list or tuple.
    Sequence(Vec<Id>),
    /// A dict, its entries in order.
    Dict(Vec<(Id, Id)>),
    /// A class or function, as `module.name`.
    Global(Rc<str>),
    /// A type of numpy's.
    NumpyType(NumpyType),
    /// The memory tensors lie in.
    Storage(Storage),
    /// A tensor.
    Tensor(Box<View>),
    /// An instance of any other class, or what any other function would return.
    Object(Box<Object>),
}

/// The type of a numpy scalar.
#[derive(Debug, Clone, Copy)]
pub(super) struct NumpyType {
    /// f, i, u or b.
    pub(super) kind: u8,
    /// Bytes an element takes.
    pub(super) size: u8,
    /// Whether the highest byte comes first.
    pub(super) big_endian: bool,
}

/// A storage as the pickle names it. Counts are in elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage {
    /// The text that names it in the file.
    pub(super) key: Id,
    /// What it is made of.
    pub(super) element: Element,
    /// Its length.
    pub(super) numel: usize,
    /// First element and length of the part that is meant, where it is only a part.
    pub(super) part: Option<(usize, usize)>,
}

/// A tensor as the pickle describes it, not yet checked against its storage.
#[derive(Debug)]
pub(super) struct View {
    /// The storage.
    pub(super) storage: Storage,
    /// The element type.
    pub(super) dtype: DType,
    /// The first element, counted from the storage's (or its part's) start.
    pub(super) offset: usize,
    /// Elements in each dimension.
    pub(super) shape: Vec<usize>,
    /// Elements from one index to the next, of each dimension.
    pub(super) stride: Vec<usize>,
}

/// Something that is kept only by name.
#[derive(Debug)]
pub(super) struct Object {
    /// The class, or the function that was to be called.
    pub(super) class: Rc<str>,
    /// What was put in by key: a class that is a dict in disguise still holds its tensors.
    pub(super) entries: Vec<(Id, Id)>,
}

/// All values of one pickle, in the order of their making.
#[derive(Debug, Default)]
pub(super) struct Values<'a>(Vec<Value<'a>>);

impl<'a> Values<'a> {
    /// Adds a value. [`super::machine::WORK`] keeps their number far below 2^32.
    pub(super) fn add(&mut self, value: Value<'a>) -> Id {
        let id = Id(self.0.len() as u32);
        self.0.push(value);
        id
    }

    /// The value of that name.
    pub(super) fn get(&self, id: Id) -> &Value<'a> {
        &self.0[id.0 as usize]
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, id: Id) -> &mut Value<'a> {
        &mut self.0[id.0 as usize]
    }

    /// All values, the first made first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Value<'a>> {
        self.0.iter()
    }

    /// The text of a value that is text, also as Python 2's byte strings.
    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The items of a list or tuple.
    pub(super) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// Item `index` of a list or tuple.
    pub(super) fn item(&self, id: Id, index: usize) -> Option<Id> {
        self.items(id)?.get(index).copied()
    }

    /// An integer that is a count.
    pub(super) fn count(&self, id: Id) -> Option<usize> {
        match self.get(id) {
            Value::Int(count) => usize::try_from(*count).ok(),
            _ => None,
        }
    }

    /// The name of a class or function.
    pub(super) fn global(&self, id: Id) -> Option<&Rc<str>> {
        match self.get(id) {
            Value::Global(name) => Some(name),
            _ => None,
        }
    }
}
