//! What the functions that checkpoints name would return, worked out without calling any.

use std::rc::Rc;

use super::danger::is_dangerous;
use super::dtype::{DType, Element, half};
use super::error::{PickleError, Result};
use super::machine::Machine;
use super::value::{Id, NumpyType, Storage, Value, View};

/// More dimensions than any tensor has (PyTorch itself stops at 64).
const DIMENSIONS: usize = 64;

impl<'a> Machine<'a> {
    /// The class or function `name` of `module`.
    pub(super) fn global(&mut self, module: &str, name: &str) -> Result<Id> {
        // Python 2's names, and the name one module of PyTorch had before 1.5.
        let module = match module {
            "__builtin__" => "builtins",
            "copy_reg" => "copyreg",
            "torch.tensor" => "torch._tensor",
            _ => module,
        };
        if is_dangerous(module, name) {
            let name = format!("{module}.{name}").chars().take(100).collect();
            return Err(PickleError::Dangerous { name });
        }
        let name = self.name(&format!("{module}.{name}"))?;
        Ok(self.values.add(Value::Global(name)))
    }

    /// What calling `callable` with `args` would give; an object of its name if that is unknown.
    pub(super) fn call(&mut self, callable: Id, args: Id) -> Result<Id> {
        let Some(mut name) = self.values.global(callable).cloned() else {
            return self.object_value("an object called as a function");
        };
        let mut args = args;
        if matches!(
            &*name,
            "torch._tensor._rebuild_from_type_v2" | "torch._tensor._rebuild_from_type"
        ) {
            // A tensor with attributes of its own, or of a subclass: (function, class, arguments).
            let inner = (self.values.item(args, 0), self.values.item(args, 2));
            if let (Some(function), Some(inner)) = inner
                && let Some(function) = self.values.global(function)
            {
                name = Rc::clone(function);
                args = inner;
            }
        }
        match self.known_call(&name, args)? {
            Some(id) => Ok(id),
            None => self.object_value(&name),
        }
    }

    fn known_call(&mut self, name: &str, args: Id) -> Result<Option<Id>> {
        let value = match name {
            "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" => {
                self.tensor(args, false)?
            }
            "torch._utils._rebuild_tensor_v3" => self.tensor(args, true)?,
            // These give back what they are given, as far as data goes.
            "torch._utils._rebuild_parameter"
            | "torch._utils._rebuild_parameter_with_state"
            | "torch.nn.parameter.Parameter"
            | "torch.Size"
            | "collections.Counter" => return Ok(self.values.item(args, 0)),
            "collections.OrderedDict" => Value::Dict(self.pairs(args)?),
            "collections.defaultdict" => Value::Dict(Vec::new()),
            "_codecs.encode" => return Ok(self.encode(args)),
            "numpy.dtype" => match self.numpy_type(args) {
                Some(numpy) => Value::NumpyType(numpy),
                None => return Ok(None),
            },
            "numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar" => {
                match self.numpy_scalar(args) {
                    Some(value) => value,
                    None => return Ok(None),
                }
            }
            "copyreg._reconstructor" => {
                let class = self.values.item(args, 0).and_then(|class| self.values.global(class));
                let Some(class) = class.cloned() else { return Ok(None) };
                self.object_of(&class)?
            }
            _ => return Ok(None),
        };
        Ok(Some(self.values.add(value)))
    }

    /// A new instance of `class`.
    pub(super) fn instance(&mut self, class: Id, args: Id) -> Result<Id> {
        match self.values.global(class).cloned() {
            // The classes whose contents are read, by whichever opcode they are made.
            Some(name) if name.starts_with("collections.") => self.call(class, args),
            Some(name) => self.object_value(&name),
            None => self.object_value("an object called as a class"),
        }
    }

    fn object_value(&mut self, class: &str) -> Result<Id> {
        let object = self.object_of(class)?;
        Ok(self.values.add(object))
    }

    /// BUILD: only a numpy type has a state that matters, its byte order. The state of an
    /// `OrderedDict` is the metadata of the modules a state dict was taken from.
    pub(super) fn set_state(&mut self, object: Id, state: Id) {
        let order = self.values.item(state, 1).and_then(|order| self.values.text(order));
        let big = order == Some(">");
        if let Value::NumpyType(numpy) = self.values.get_mut(object) {
            numpy.big_endian = big;
        }
    }

    /// What a persistent id names: a storage, or (in the form before 1.6) a class with its source.
    pub(super) fn persistent(&mut self, id: Id) -> Result<Id> {
        let item = |index| self.values.item(id, index);
        let kind = item(0).and_then(|kind| self.values.text(kind));
        match (kind, item(1), item(2), item(4)) {
            (Some("module"), Some(class), ..) => Ok(class),
            (Some("storage"), Some(class), Some(key), Some(numel)) => {
                let class = self.values.global(class).map_or("no class", |name| name);
                let element = Element::of_storage(class)
                    .ok_or_else(|| PickleError::StorageClass { name: class.to_owned() })?;
                let numel = self.values.count(numel);
                let numel = numel.ok_or_else(|| self.malformed("a storage without a length"))?;
                let part = item(5).map_or(Ok(None), |part| self.part(part))?;
                let storage = Storage { key, element, numel, part };
                Ok(self.values.add(Value::Storage(storage)))
            }
            _ => Err(self.malformed("a persistent id that is no storage")),
        }
    }

    /// View metadata: None, or (key, first element, number of elements).
    fn part(&self, id: Id) -> Result<Option<(usize, usize)>> {
        if matches!(self.values.get(id), Value::None) {
            return Ok(None);
        }
        let count = |index| self.values.item(id, index).and_then(|count| self.values.count(count));
        match (count(1), count(2)) {
            (Some(start), Some(length)) => Ok(Some((start, length))),
            _ => Err(self.malformed("view metadata that are no counts")),
        }
    }

    /// A tensor of (storage, offset, shape, stride, requires grad, hooks, metadata). If `typed`, its
    /// element type stands before the metadata; if not, it is that of the storage.
    fn tensor(&mut self, args: Id, typed: bool) -> Result<Value<'a>> {
        let item = |index| self.values.item(args, index);
        let (Some(storage), Some(offset), Some(shape), Some(stride)) =
            (item(0), item(1), item(2), item(3))
        else {
            return Err(self.malformed("a tensor without storage, offset, shape and stride"));
        };
        let Value::Storage(storage) = *self.values.get(storage) else {
            return Err(self.malformed("a tensor without a storage"));
        };
        let dtype = if typed { self.named_type(args) } else { storage.element.known() };
        let twisted = self.is_twisted(args, if typed { 7 } else { 6 });
        let offset = self.values.count(offset);
        let offset = offset.ok_or_else(|| self.malformed("a tensor's offset is no count"))?;
        let (shape, stride) = (self.counts(shape)?, self.counts(stride)?);
        if shape.len() != stride.len() {
            return Err(self.malformed("a tensor with other dimensions in shape than in stride"));
        }
        match dtype {
            _ if twisted => self.object_of("torch.Tensor, conjugated or negated"),
            None => self.object_of("torch.Tensor of an element type that is not read"),
            Some(dtype) => {
                Ok(Value::Tensor(Box::new(View { storage, dtype, offset, shape, stride })))
            }
        }
    }

    /// The element type that argument 6 names.
    fn named_type(&self, args: Id) -> Option<DType> {
        DType::of_global(self.values.global(self.values.item(args, 6)?)?)
    }

    /// Whether the metadata say that the elements are to be negated or conjugated.
    fn is_twisted(&self, args: Id, metadata: usize) -> bool {
        let metadata = self.values.item(args, metadata).map(|id| self.values.get(id));
        matches!(metadata, Some(Value::Dict(entries)) if !entries.is_empty())
    }

    /// A tuple of counts, one a dimension.
    fn counts(&mut self, id: Id) -> Result<Vec<usize>> {
        let items = self.values.items(id).filter(|items| items.len() <= DIMENSIONS);
        let counts: Option<Vec<_>> =
            items.and_then(|items| items.iter().map(|&item| self.values.count(item)).collect());
        let counts = counts.ok_or_else(|| self.malformed("a shape or stride of no counts"))?;
        self.spend(counts.len())?;
        Ok(counts)
    }

    /// The entries an `OrderedDict` is made with: none, or a list of pairs.
    fn pairs(&mut self, args: Id) -> Result<Vec<(Id, Id)>> {
        let Some(list) = self.values.item(args, 0) else { return Ok(Vec::new()) };
        let pairs: Option<Vec<_>> = match self.values.get(list) {
            Value::Dict(entries) => Some(entries.clone()),
            Value::Sequence(items) => items
                .iter()
                .map(|&pair| Some((self.values.item(pair, 0)?, self.values.item(pair, 1)?)))
                .collect(),
            _ => None,
        };
        let pairs = pairs.ok_or_else(|| self.malformed("an OrderedDict of no pairs"))?;
        // The list may be named by many dicts, each of which copies it.
        self.spend(pairs.len())?;
        Ok(pairs)
    }

    /// Bytes as protocol 2 writes them: `encode(text, 'latin1')`.
    fn encode(&mut self, args: Id) -> Option<Id> {
        let text = self.values.item(args, 0)?;
        let encoding = self.values.text(self.values.item(args, 1)?)?;
        matches!(encoding, "latin1" | "latin-1").then(|| self.values.add(Value::Latin1(text)))
    }

    /// `numpy.dtype('f8', ...)`: little-endian until a state says otherwise.
    fn numpy_type(&self, args: Id) -> Option<NumpyType> {
        let (kind, size) = match self.values.text(self.values.item(args, 0)?)?.as_bytes() {
            [b'b', b'1'] => (b'b', 1),
            [kind @ (b'i' | b'u'), size @ (b'1' | b'2' | b'4' | b'8')] => (*kind, size - b'0'),
            [b'f', size @ (b'2' | b'4' | b'8')] => (b'f', size - b'0'),
            _ => return None,
        };
        Some(NumpyType { kind, size, big_endian: false })
    }

    /// A numpy scalar of (type, bytes), as the plain number it is.
    fn numpy_scalar(&self, args: Id) -> Option<Value<'static>> {
        let Value::NumpyType(numpy) = *self.values.get(self.values.item(args, 0)?) else {
            return None;
        };
        let raw = self.raw(self.values.item(args, 1)?, numpy.size.into())?;
        let mut wide = [0; 8];
        wide[..raw.len()].copy_from_slice(&raw);
        if numpy.big_endian {
            wide[..raw.len()].reverse();
        }
        let bits = u64::from_le_bytes(wide);
        let unused = 64 - 8 * u32::from(numpy.size);
        Some(match (numpy.kind, numpy.size) {
            (b'b', _) => Value::Bool(bits != 0),
            (b'i', _) => Value::Int((bits << unused).cast_signed() >> unused),
            (b'u', _) => i64::try_from(bits).map_or(Value::Float(bits as f64), Value::Int),
            (_, 2) => Value::Float(half(bits as u16)),
            (_, 4) => Value::Float(f32::from_bits(bits as u32).into()),
            _ => Value::Float(f64::from_bits(bits)),
        })
    }

    /// Exactly `size` bytes that a value holds, in whichever way a pickle writes bytes.
    fn raw(&self, id: Id, size: usize) -> Option<Vec<u8>> {
        let text = match self.values.get(id) {
            Value::Bytes(bytes) => return (bytes.len() == size).then(|| bytes.to_vec()),
            Value::Text(text) => return (text.len() == size).then(|| text.as_bytes().to_vec()),
            Value::Latin1(text) => match self.values.get(*text) {
                Value::Text(text) => text,
                _ => return None,
            },
            _ => return None,
        };
        // One letter more than asked for tells that there are too many.
        let letters = text.chars().take(size + 1).map(|letter| u8::try_from(letter).ok());
        letters.collect::<Option<Vec<_>>>().filter(|bytes| bytes.len() == size)
    }
}
