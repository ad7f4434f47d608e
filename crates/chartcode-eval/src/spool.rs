//! Rows of scores, kept from one pass for the next in bounded memory.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

use crate::error::{Error, Result};
use crate::row::RowScores;

/// Bytes held in memory before all goes into a temporary file.
const IN_MEMORY: usize = 256 << 20;
/// Bytes written or read at a time.
const BUFFER: usize = 1 << 20;
/// Numbers in a block, or a few more: the last row is whole.
const BLOCK: usize = 4 << 20;
/// Stands where a sparse row has its length.
const DENSE: u32 = u32::MAX;

/// Rows of scores in the order they came: in memory up to 256 MiB, then in an unnamed file of the
/// folder for temporary files, which the operating system removes with the process. It holds
/// numbers only: four bytes a score, eight a listed label.
#[derive(Debug)]
pub struct Spool {
    labels: usize,
    rows: usize,
    waiting: Vec<u8>,
    file: SpooledTempFile,
}

impl Spool {
    /// An empty spool for rows over `labels` labels.
    #[must_use]
    pub fn new(labels: usize) -> Self {
        Self::with_memory(labels, IN_MEMORY)
    }

    /// The same with `bytes` bytes of memory before it turns to a file.
    #[must_use]
    pub fn with_memory(labels: usize, bytes: usize) -> Self {
        let file = tempfile::spooled_tempfile(bytes);
        Self { labels, rows: 0, waiting: Vec::new(), file }
    }

    /// The labels of a row.
    #[must_use]
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// Rows pushed so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether no row was pushed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Keeps the row of the next chart.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] where the row has not one finite score a label, or lists labels that do
    /// not ascend; [`Error::File`] where the temporary file cannot be written.
    pub fn push(&mut self, row: RowScores<'_>) -> Result<()> {
        row.check(self.labels, self.rows)?;
        match row {
            RowScores::Dense(scores) => {
                self.waiting.extend_from_slice(&DENSE.to_le_bytes());
                let start = self.waiting.len();
                self.waiting.resize(start + scores.len() * 4, 0);
                let bytes = self.waiting[start..].as_chunks_mut().0;
                bytes.iter_mut().zip(scores).for_each(|(to, from)| *to = from.to_le_bytes());
            }
            RowScores::Sparse(listed) => {
                self.waiting.extend_from_slice(&(listed.len() as u32).to_le_bytes());
                for (label, score) in listed {
                    self.waiting.extend_from_slice(&label.to_le_bytes());
                    self.waiting.extend_from_slice(&score.to_le_bytes());
                }
            }
        }
        self.rows += 1;
        if self.waiting.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// All rows again from the first, as often as asked, some megabytes at a time: the rows of a
    /// block can be worked on in parallel.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where the temporary file cannot be written or read; so do the blocks.
    pub fn blocks(&mut self) -> Result<Blocks<'_>> {
        self.flush()?;
        self.file.rewind().map_err(|source| failure("read", &source))?;
        let file = BufReader::with_capacity(BUFFER, &mut self.file);
        Ok(Blocks { labels: self.labels, rows: self.rows, next: 0, file, bytes: Vec::new() })
    }

    fn flush(&mut self) -> Result<()> {
        let written = self.file.seek(SeekFrom::End(0)).and_then(|_| {
            self.file.write_all(&self.waiting)?;
            self.waiting.clear();
            Ok(())
        });
        written.map_err(|source| failure("write", &source))
    }
}

fn failure(verb: &str, source: &io::Error) -> Error {
    let problem = format!(
        "cannot {verb} a temporary file for scores there ({source}); name a folder with more room \
         in the environment variable TMPDIR"
    );
    Error::File { path: std::env::temp_dir(), problem }
}

/// The rows of a [`Spool`], block by block. It ends behind the last row, or behind an error.
#[derive(Debug)]
pub struct Blocks<'a> {
    labels: usize,
    rows: usize,
    next: usize,
    file: BufReader<&'a mut SpooledTempFile>,
    bytes: Vec<u8>,
}

impl Iterator for Blocks<'_> {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.rows {
            return None;
        }
        let block = self.read_block().map_err(|source| failure("read", &source));
        if block.is_err() {
            self.next = self.rows;
        }
        Some(block)
    }
}

impl Blocks<'_> {
    fn read_block(&mut self) -> io::Result<Block> {
        let (labels, first) = (self.labels, self.next);
        let mut block = Block { labels, first, ..Block::default() };
        while self.next < self.rows && block.numbers() + block.len() < BLOCK {
            self.read_row(&mut block)?;
            self.next += 1;
        }
        Ok(block)
    }

    fn read_row(&mut self, block: &mut Block) -> io::Result<()> {
        let mut head = [0; 4];
        self.file.read_exact(&mut head)?;
        let head = u32::from_le_bytes(head);
        let bytes = if head == DENSE { self.labels * 4 } else { head as usize * 8 };
        self.bytes.resize(bytes, 0);
        self.file.read_exact(&mut self.bytes)?;
        if head == DENSE {
            block.rows.push(Place::Dense(block.scores.len()));
            let words = self.bytes.as_chunks().0;
            block.scores.extend(words.iter().map(|&word| f32::from_le_bytes(word)));
        } else {
            block.rows.push(Place::Sparse(block.listed.len(), head as usize));
            let pairs = self.bytes.as_chunks().0.iter().map(|&[a, b, c, d, e, f, g, h]| {
                (u32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h]))
            });
            block.listed.extend(pairs);
        }
        Ok(())
    }
}

/// Some consecutive rows of a [`Spool`].
#[derive(Clone, Debug, Default)]
pub struct Block {
    labels: usize,
    first: usize,
    rows: Vec<Place>,
    scores: Vec<f32>,
    listed: Vec<(u32, f32)>,
}

/// Where a row stands in its block.
#[derive(Clone, Copy, Debug)]
enum Place {
    Dense(usize),
    Sparse(usize, usize),
}

impl Block {
    /// The number of its first row in the spool, from 0.
    #[must_use]
    pub fn first(&self) -> usize {
        self.first
    }

    /// Its rows; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a spool has no empty blocks")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The scores in it.
    pub(crate) fn numbers(&self) -> usize {
        self.scores.len() + self.listed.len()
    }

    /// Its row `index`, from 0.
    ///
    /// # Panics
    ///
    /// Where `index` is not below [`Self::len`].
    #[must_use]
    pub fn row(&self, index: usize) -> RowScores<'_> {
        match self.rows[index] {
            Place::Dense(start) => RowScores::Dense(&self.scores[start..start + self.labels]),
            Place::Sparse(start, length) => RowScores::Sparse(&self.listed[start..start + length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: usize) -> (Vec<f32>, Vec<(u32, f32)>) {
        let dense = (0..1000).map(|label| (number * 1000 + label) as f32 / 7.0).collect();
        let sparse = (0..number as u32 % 5).map(|i| (i * 200, i as f32 - 0.5)).collect();
        (dense, sparse)
    }

    fn check(spool: &mut Spool, rows: usize) -> usize {
        let (mut next, mut blocks) = (0, 0);
        for block in spool.blocks().unwrap() {
            let block = block.unwrap();
            assert_eq!(block.first(), next);
            for index in 0..block.len() {
                let (dense, sparse) = row(next);
                let expected = if next % 3 == 0 {
                    RowScores::Sparse(&sparse)
                } else {
                    RowScores::Dense(&dense)
                };
                assert_eq!(block.row(index), expected);
                next += 1;
            }
            blocks += 1;
        }
        assert_eq!(next, rows);
        blocks
    }

    #[test]
    fn rows_come_back_in_order_from_memory_and_from_a_file() {
        for memory in [usize::MAX, 3 << 20] {
            let mut spool = Spool::with_memory(1000, memory);
            assert!(spool.is_empty() && spool.blocks().unwrap().next().is_none());
            for rows in [1_usize, 2500, 7000] {
                for number in spool.len()..rows {
                    let (dense, sparse) = row(number);
                    let row = if number % 3 == 0 {
                        RowScores::Sparse(&sparse)
                    } else {
                        RowScores::Dense(&dense)
                    };
                    spool.push(row).unwrap();
                }
                // Twice: reading must not use the rows up, and more can follow.
                assert_eq!(check(&mut spool, rows), check(&mut spool, rows));
            }
            assert_eq!(spool.len(), 7000);
            assert!(check(&mut spool, 7000) > 1);
            assert_eq!(spool.file.is_rolled(), memory == 3 << 20);
        }
    }

    #[test]
    fn a_row_that_does_not_fit_is_refused_and_leaves_no_trace() {
        let mut spool = Spool::new(2);
        spool.push(RowScores::Dense(&[1.0, 2.0])).unwrap();
        let error = spool.push(RowScores::Dense(&[1.0])).unwrap_err();
        assert_eq!(error.to_string(), "chart number 2 has 1 scores for 2 labels");
        assert_eq!((spool.len(), spool.blocks().unwrap().count()), (1, 1));
    }
}
