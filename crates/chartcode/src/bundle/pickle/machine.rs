//! The stack machine that pickles are programs for, with everything that could execute left out.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::cursor::Cursor;
use super::error::{PickleError, Result};
use super::text;
use super::value::{Id, Object, Value, Values};

/// The most steps a pickle may take: a bound on time and memory however small the file. A step
/// takes some tens of bytes of memory at most, and a tensor takes some fifty steps.
pub(super) const WORK: usize = 1 << 22;

/// What a pickle describes.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    /// Its values.
    pub(super) values: Values<'a>,
    /// The outermost one.
    pub(super) top: Id,
    /// The position after its last byte.
    pub(super) end: usize,
}

/// Reads the pickle that starts at byte `start` and ends anywhere in `bytes`.
pub(super) fn run(bytes: &[u8], start: usize) -> Result<Pickle<'_>> {
    let mut machine = Machine {
        cursor: Cursor::new(bytes, start),
        opcode_at: start,
        values: Values::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        names: HashSet::new(),
        work: 0,
    };
    while machine.step()? {}
    let top = machine.pop()?;
    Ok(Pickle { values: machine.values, top, end: machine.cursor.at() })
}

/// The machine's state. `stack` holds all of the pickle's stack (see [`super::stack`]), and `marks`
/// the heights at which marks were set.
pub(super) struct Machine<'a> {
    cursor: Cursor<'a>,
    opcode_at: usize,
    pub(super) values: Values<'a>,
    pub(super) stack: Vec<Id>,
    pub(super) marks: Vec<usize>,
    memo: HashMap<usize, Id>,
    names: HashSet<Rc<str>>,
    work: usize,
}

impl<'a> Machine<'a> {
    /// One opcode; false at STOP.
    fn step(&mut self) -> Result<bool> {
        self.opcode_at = self.cursor.at();
        self.spend(1)?;
        let opcode = self.cursor.byte()?;
        if opcode == b'.' {
            return Ok(false);
        }
        let known = self.number(opcode)?
            || self.text(opcode)?
            || self.stack(opcode)?
            || self.collect(opcode)?
            || self.fill(opcode)?
            || self.object(opcode)?;
        if known { Ok(true) } else { Err(PickleError::Opcode { opcode, at: self.opcode_at }) }
    }

    /// Counts work of `steps` steps.
    pub(super) fn spend(&mut self, steps: usize) -> Result<()> {
        self.work = self.work.saturating_add(steps);
        if self.work > WORK {
            return Err(PickleError::TooMuch { what: "values", limit: WORK });
        }
        Ok(())
    }

    /// The error that the opcode at hand makes no sense.
    pub(super) fn malformed(&self, what: &'static str) -> PickleError {
        PickleError::Malformed { what, at: self.opcode_at }
    }

    /// NONE, truth values and numbers.
    fn number(&mut self, opcode: u8) -> Result<bool> {
        let value = match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'J' => Value::Int(i32::from_le_bytes(self.cursor.array()?).into()),
            b'K' => Value::Int(self.cursor.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.cursor.array()?).into()),
            b'G' => Value::Float(f64::from_be_bytes(self.cursor.array()?)),
            0x8a => text::long(self.cursor.counted(1)?),
            0x8b => text::long(self.cursor.counted(4)?),
            b'I' | b'L' => {
                text::integer(self.cursor.line()?).ok_or_else(|| self.malformed("an integer"))?
            }
            b'F' => text::float(self.cursor.line()?).ok_or_else(|| self.malformed("a number"))?,
            _ => return Ok(false),
        };
        self.push(value);
        Ok(true)
    }

    /// Text and bytes.
    fn text(&mut self, opcode: u8) -> Result<bool> {
        let value = match opcode {
            0x8c => self.utf8(1)?,
            b'X' => self.utf8(4)?,
            0x8d => self.utf8(8)?,
            b'C' => Value::Bytes(Cow::Borrowed(self.cursor.counted(1)?)),
            b'B' => Value::Bytes(Cow::Borrowed(self.cursor.counted(4)?)),
            0x8e | 0x96 => Value::Bytes(Cow::Borrowed(self.cursor.counted(8)?)),
            b'U' => text::python2(self.cursor.counted(1)?),
            b'T' => text::python2(self.cursor.counted(4)?),
            b'S' => text::quoted(self.cursor.line()?).ok_or_else(|| self.malformed("a string"))?,
            b'V' => text::escaped(self.cursor.line()?).ok_or_else(|| self.malformed("text"))?,
            _ => return Ok(false),
        };
        self.push(value);
        Ok(true)
    }

    /// Text in UTF-8 after its length. Python also writes lone surrogates, which no Rust text
    /// holds: such text is kept as bytes.
    fn utf8(&mut self, width: usize) -> Result<Value<'a>> {
        Ok(text::python2(self.cursor.counted(width)?))
    }

    /// What only moves values between stack and memo.
    fn stack(&mut self, opcode: u8) -> Result<bool> {
        match opcode {
            // PROTO and FRAME say nothing that needs to be known.
            0x80 => drop(self.cursor.byte()?),
            0x95 => drop(self.cursor.count(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.discard()?,
            b'1' => drop(self.since_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'p' => self.put_line()?,
            b'q' => self.put(1)?,
            b'r' => self.put(4)?,
            0x94 => self.memoize(self.memo.len())?,
            b'g' => {
                let key = self.line_count()?;
                self.recall(key)?;
            }
            b'h' => self.get(1)?,
            b'j' => self.get(4)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What makes a container, empty or of what lies on the stack.
    fn collect(&mut self, opcode: u8) -> Result<bool> {
        let value = match opcode {
            b']' | b')' => Value::Sequence(Vec::new()),
            b'}' => Value::Dict(Vec::new()),
            b'l' | b't' => Value::Sequence(self.since_mark()?),
            b'd' => Value::Dict(self.pairs_since_mark()?),
            0x85 => Value::Sequence(self.pop_many(1)?),
            0x86 => Value::Sequence(self.pop_many(2)?),
            0x87 => Value::Sequence(self.pop_many(3)?),
            0x8f => self.object_of("builtins.set")?,
            0x91 => {
                self.since_mark()?;
                self.object_of("builtins.frozenset")?
            }
            _ => return Ok(false),
        };
        self.push(value);
        Ok(true)
    }

    /// What puts values into a container.
    fn fill(&mut self, opcode: u8) -> Result<bool> {
        match opcode {
            b'a' => {
                let item = self.pop_many(1)?;
                self.append(item)?;
            }
            b'e' => {
                let items = self.since_mark()?;
                self.append(items)?;
            }
            // What a set holds has no name.
            0x90 => drop(self.since_mark()?),
            b's' => {
                let pair = self.pop_many(2)?;
                self.insert(vec![(pair[0], pair[1])])?;
            }
            b'u' => {
                let pairs = self.pairs_since_mark()?;
                self.insert(pairs)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Classes, functions and calls; see [`super::calls`].
    fn object(&mut self, opcode: u8) -> Result<bool> {
        let id = match opcode {
            b'c' => self.global_of_lines()?,
            0x93 => self.global_of_stack()?,
            b'R' => {
                let args = self.pop()?;
                let callable = self.pop()?;
                self.call(callable, args)?
            }
            0x81 | 0x92 => {
                // NEWOBJ_EX has keyword arguments on top.
                let operands = self.pop_many(if opcode == 0x81 { 2 } else { 3 })?;
                self.instance(operands[0], operands[1])?
            }
            b'i' => {
                let class = self.global_of_lines()?;
                let args = self.since_mark()?;
                let args = self.values.add(Value::Sequence(args));
                self.instance(class, args)?
            }
            b'o' => {
                let mut args = self.since_mark()?;
                if args.is_empty() {
                    return Err(self.malformed("an object without a class"));
                }
                let class = args.remove(0);
                let args = self.values.add(Value::Sequence(args));
                self.instance(class, args)?
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                self.set_state(object, state);
                return Ok(true);
            }
            b'Q' => {
                let name = self.pop()?;
                self.persistent(name)?
            }
            _ => return Ok(false),
        };
        self.stack.push(id);
        Ok(true)
    }

    fn put(&mut self, width: usize) -> Result<()> {
        let key = self.cursor.count(width)?;
        self.memoize(key)
    }

    fn put_line(&mut self) -> Result<()> {
        let key = self.line_count()?;
        self.memoize(key)
    }

    fn line_count(&mut self) -> Result<usize> {
        let line = self.cursor.line()?;
        let count = std::str::from_utf8(line).ok().and_then(|line| line.trim().parse().ok());
        count.ok_or_else(|| self.malformed("a memo key"))
    }

    fn memoize(&mut self, key: usize) -> Result<()> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn get(&mut self, width: usize) -> Result<()> {
        let key = self.cursor.count(width)?;
        self.recall(key)
    }

    fn recall(&mut self, key: usize) -> Result<()> {
        let id = self.memo.get(&key).ok_or_else(|| self.malformed("an empty memo place"))?;
        self.stack.push(*id);
        Ok(())
    }

    /// Adds items to the list on top; classes that are lists in disguise lose theirs.
    fn append(&mut self, mut items: Vec<Id>) -> Result<()> {
        let list = self.top()?;
        match self.values.get_mut(list) {
            Value::Sequence(held) => held.append(&mut items),
            Value::Object(_) => {}
            _ => return Err(self.malformed("items for something that is no list")),
        }
        Ok(())
    }

    fn insert(&mut self, mut pairs: Vec<(Id, Id)>) -> Result<()> {
        let dict = self.top()?;
        match self.values.get_mut(dict) {
            Value::Dict(held) => held.append(&mut pairs),
            Value::Object(object) => object.entries.append(&mut pairs),
            _ => return Err(self.malformed("entries for something that is no dict")),
        }
        Ok(())
    }

    fn global_of_lines(&mut self) -> Result<Id> {
        let module = self.cursor.line()?;
        let name = self.cursor.line()?;
        let lines = std::str::from_utf8(module).and_then(|m| Ok((m, std::str::from_utf8(name)?)));
        let (module, name) = lines.map_err(|_| self.malformed("a name that is not UTF-8"))?;
        self.global(module, name)
    }

    fn global_of_stack(&mut self) -> Result<Id> {
        let pair = self.pop_many(2)?;
        let (Value::Text(module), Value::Text(name)) =
            (self.values.get(pair[0]), self.values.get(pair[1]))
        else {
            return Err(self.malformed("a name that is no text"));
        };
        // Text lies in the file, so that the copies cost nothing but where it was escaped.
        let (module, name) = (module.clone(), name.clone());
        self.global(&module, &name)
    }

    /// A value known by its class only.
    pub(super) fn object_of(&mut self, class: &str) -> Result<Value<'a>> {
        let class = self.name(class)?;
        Ok(Value::Object(Box::new(Object { class, entries: Vec::new() })))
    }

    /// One copy of each name, however often the pickle repeats it.
    pub(super) fn name(&mut self, name: &str) -> Result<Rc<str>> {
        /// Many times the longest name of a class in use.
        const LONGEST: usize = 512;
        if name.len() > LONGEST {
            return Err(self.malformed("a name longer than any"));
        }
        if let Some(known) = self.names.get(name) {
            return Ok(Rc::clone(known));
        }
        let name = Rc::<str>::from(name);
        self.names.insert(Rc::clone(&name));
        Ok(name)
    }
}
