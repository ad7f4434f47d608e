//! Codes of many charts in memory, each code's spelling kept once.

use std::collections::{HashMap, HashSet};

use crate::code::Code;

/// Codes by number.
#[derive(Default)]
pub(super) struct Interned {
    codes: Vec<Code>,
    numbers: HashMap<Code, u32>,
}

impl Interned {
    /// The code's number; equal codes have the same.
    pub(super) fn number(&mut self, code: Code) -> u32 {
        if let Some(&number) = self.numbers.get(&code) {
            return number;
        }
        let number = self.codes.len() as u32;
        self.codes.push(code.clone());
        self.numbers.insert(code, number);
        number
    }

    pub(super) fn code(&self, number: u32) -> Code {
        self.codes[number as usize].clone()
    }
}

/// Codes by chart, gathered from rows that need not be adjacent.
#[derive(Default)]
pub(super) struct Groups {
    interned: Interned,
    places: HashMap<String, usize>,
    /// In the order in which the charts first appear.
    ids: Vec<String>,
    codes: Vec<Vec<u32>>,
    /// Charts of which a row could not be read.
    damaged: HashSet<usize>,
}

impl Groups {
    /// Charts seen, the damaged ones included.
    pub(super) fn ids(&self) -> &[String] {
        &self.ids
    }

    /// The chart's place; a new one where the id is new.
    pub(super) fn place(&mut self, id: &str) -> usize {
        if let Some(&place) = self.places.get(id) {
            return place;
        }
        self.places.insert(id.to_owned(), self.ids.len());
        self.ids.push(id.to_owned());
        self.codes.push(Vec::new());
        self.ids.len() - 1
    }

    /// The place of a chart that has been seen.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    pub(super) fn add(&mut self, place: usize, codes: impl IntoIterator<Item = Code>) {
        let numbers = codes.into_iter().map(|code| self.interned.number(code));
        self.codes[place].extend(numbers);
    }

    /// Marks a chart whose codes are not all known.
    pub(super) fn damage(&mut self, place: usize) {
        self.damaged.insert(place);
    }

    /// A chart's id and its codes in the order of the rows, or none where some are not known.
    pub(super) fn get(&self, place: usize) -> Option<(&str, Vec<Code>)> {
        if self.damaged.contains(&place) {
            return None;
        }
        let codes = self.codes[place].iter().map(|&number| self.interned.code(number));
        Some((&self.ids[place], codes.collect()))
    }
}
