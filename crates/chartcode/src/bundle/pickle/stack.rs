//! The machine's stack. Nothing reaches below the last mark but what takes the mark off.

use super::error::Result;
use super::machine::Machine;
use super::value::{Id, Value};

impl<'a> Machine<'a> {
    /// Adds a value, on top.
    pub(super) fn push(&mut self, value: Value<'a>) {
        let id = self.values.add(value);
        self.stack.push(id);
    }

    /// The lowest height the values above the last mark may be popped to.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    /// The topmost value above the last mark.
    pub(super) fn top(&self) -> Result<Id> {
        let top = self.stack.get(self.floor()..).and_then(|above| above.last());
        top.copied().ok_or_else(|| self.malformed("nothing on the stack"))
    }

    /// Takes that value off.
    pub(super) fn pop(&mut self) -> Result<Id> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// The topmost `count` values, the lowest first.
    pub(super) fn pop_many(&mut self, count: usize) -> Result<Vec<Id>> {
        match self.stack.len().checked_sub(count) {
            Some(height) if height >= self.floor() => Ok(self.stack.split_off(height)),
            _ => Err(self.malformed("too little on the stack")),
        }
    }

    /// POP takes off a mark where one is topmost.
    pub(super) fn discard(&mut self) -> Result<()> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    /// Everything above the last mark, which goes too.
    pub(super) fn since_mark(&mut self) -> Result<Vec<Id>> {
        let height = self.marks.pop().ok_or_else(|| self.malformed("no mark is set"))?;
        if height > self.stack.len() {
            return Err(self.malformed("the mark is above the stack"));
        }
        Ok(self.stack.split_off(height))
    }

    /// Those values as keys and what belongs to them.
    pub(super) fn pairs_since_mark(&mut self) -> Result<Vec<(Id, Id)>> {
        let items = self.since_mark()?;
        if items.len() % 2 == 1 {
            return Err(self.malformed("a key without a value"));
        }
        Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }
}
