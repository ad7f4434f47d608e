//! The records of a JSON file, one after the other.

use std::io::{self, BufRead};
use std::path::Path;

use super::input::{JsonForm, text};
use crate::error::{Error, Result};
use crate::table::file_error;

/// The records of a file: lines, or the elements of an array.
pub(super) struct Records {
    text: Box<dyn BufRead + Send>,
    form: JsonForm,
    json: Vec<u8>,
    /// Of the line or the element, from 1.
    number: usize,
    /// Nothing more is to come.
    over: bool,
}

impl Records {
    pub(super) fn open(path: &Path, form: JsonForm) -> Result<Self> {
        Ok(Self { text: text(path)?, form, json: Vec::new(), number: 0, over: false })
    }

    /// The next record that is not blank.
    pub(super) fn next(&mut self, path: &Path) -> Option<Result<&[u8]>> {
        while !self.over {
            self.json.clear();
            self.number += 1;
            match self.read() {
                Ok(()) if self.json.trim_ascii().is_empty() => {}
                Ok(()) => return Some(Ok(self.json.trim_ascii())),
                Err(source) => {
                    // A reader that failed once is not asked again.
                    self.over = true;
                    return Some(Err(match source.kind() {
                        io::ErrorKind::UnexpectedEof => {
                            file_error(path, "ends early: it was not written to its end")
                        }
                        _ => Error::Read { path: path.to_owned(), source },
                    }));
                }
            }
        }
        None
    }

    /// Where the record read last stands.
    pub(super) fn place(&self) -> String {
        match self.form {
            JsonForm::Lines => format!("line {}", self.number),
            JsonForm::Array => format!("element {}", self.number),
        }
    }

    fn read(&mut self) -> io::Result<()> {
        match self.form {
            JsonForm::Lines => {
                self.over = self.text.read_until(b'\n', &mut self.json)? == 0;
                Ok(())
            }
            JsonForm::Array => self.read_element(),
        }
    }

    /// Reads up to the comma behind an element, or to the end of the array.
    fn read_element(&mut self) -> io::Result<()> {
        if self.number == 1 {
            self.text.read_until(b'[', &mut self.json)?;
            self.json.clear();
        }
        let mut scan = Scan::default();
        loop {
            let bytes = self.text.fill_buf()?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let end = bytes.iter().position(|&byte| scan.ends_at(byte));
            self.json.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            let taken = end.map_or(bytes.len(), |end| end + 1);
            self.over = end.is_some_and(|end| bytes[end] == b']');
            self.text.consume(taken);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

/// Where an element of an array ends.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Whether the byte is the first behind the element.
    fn ends_at(&mut self, byte: u8) -> bool {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b',' | b']' if self.depth == 0 => return true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        false
    }
}
