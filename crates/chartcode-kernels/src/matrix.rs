//! Weights, packed once in the order in which products read them.

use rayon::prelude::*;

use crate::error::ShapeError;
use crate::precision::Precision;
use crate::simd::portable::bf16;
use crate::words::Words;

/// Outputs of a panel: two vectors.
pub(crate) const PANEL: usize = 32;

/// A weight matrix `[outputs, inputs]`, in panels of 32 outputs. In a panel the words of its
/// outputs stand side by side, one f32, two bf16 or four bytes of consecutive inputs each.
#[derive(Clone, Debug)]
pub struct Matrix {
    words: Words,
    outputs: usize,
    inputs: usize,
    precision: Precision,
    /// What a byte of each output stands for, padded to whole panels; empty for floats.
    scales: Vec<f32>,
    /// The sum of each output's bytes, padded to whole panels; empty for floats.
    sums: Vec<i32>,
}

impl Matrix {
    /// Packs a row-major `[outputs, inputs]`, as PyTorch stores a linear map.
    ///
    /// # Errors
    /// [`ShapeError`] where the number of values is another.
    pub fn pack(
        weight: &[f32],
        (outputs, inputs): (usize, usize),
        precision: Precision,
    ) -> Result<Self, ShapeError> {
        ShapeError::check("a weight matrix", outputs * inputs, weight.len())?;
        let panels = outputs.div_ceil(PANEL);
        let depth = inputs.div_ceil(precision.per_word());
        let mut matrix = Self {
            words: Words::zeros(panels * depth * PANEL),
            outputs,
            inputs,
            precision,
            scales: Vec::new(),
            sums: Vec::new(),
        };
        let panel_values = (inputs * PANEL).max(1);
        let panel_words = (depth * PANEL).max(1);
        if precision == Precision::Int8 {
            matrix.scales = vec![0.0; panels * PANEL];
            matrix.sums = vec![0; panels * PANEL];
            matrix.words[..panels * depth * PANEL]
                .par_chunks_mut(panel_words)
                .zip(weight.par_chunks(panel_values))
                .zip(matrix.scales.par_chunks_mut(PANEL))
                .zip(matrix.sums.par_chunks_mut(PANEL))
                .for_each(|(((words, weight), scales), sums)| {
                    for (column, row) in weight.chunks_exact(inputs).enumerate() {
                        (scales[column], sums[column]) = pack_bytes(row, words, column);
                    }
                });
        } else {
            matrix.words[..panels * depth * PANEL]
                .par_chunks_mut(panel_words)
                .zip(weight.par_chunks(panel_values))
                .for_each(|(words, weight)| {
                    for (column, row) in weight.chunks_exact(inputs).enumerate() {
                        pack_floats(row, words, column, precision);
                    }
                });
        }
        Ok(matrix)
    }

    /// Outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// What it is stored as.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        4 * (self.words.len() + self.scales.len() + self.sums.len())
    }

    /// Words of a panel's column.
    pub(crate) fn depth(&self) -> usize {
        self.inputs.div_ceil(self.precision.per_word())
    }

    pub(crate) fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    /// The words of a panel, `[depth, 32]`.
    pub(crate) fn panel(&self, panel: usize) -> &[u32] {
        let size = self.depth() * PANEL;
        &self.words[panel * size..(panel + 1) * size]
    }

    /// Scales and sums of a panel's outputs, for bytes.
    pub(crate) fn panel_bytes(&self, panel: usize) -> Option<(&[f32; PANEL], &[i32; PANEL])> {
        let scales = self.scales.as_chunks::<PANEL>().0.get(panel)?;
        Some((scales, &self.sums.as_chunks::<PANEL>().0[panel]))
    }

    /// Some of the outputs, in the order given, each with the very words that it has here.
    ///
    /// # Panics
    /// Where there is no such output.
    #[must_use]
    pub fn select(&self, outputs: &[usize]) -> Self {
        let (panels, depth) = (outputs.len().div_ceil(PANEL), self.depth());
        let mut words = Words::zeros(panels * depth * PANEL);
        let chosen = words[..panels * depth * PANEL].par_chunks_mut((depth * PANEL).max(1));
        chosen.zip(outputs.par_chunks(PANEL)).for_each(|(words, outputs)| {
            let from: Vec<&[u32]> =
                outputs.iter().map(|&at| &self.panel(at / PANEL)[at % PANEL..]).collect();
            for (at, words) in words.as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
                for (word, from) in words.iter_mut().zip(&from) {
                    *word = from[at * PANEL];
                }
            }
        });
        let padded = if self.scales.is_empty() { 0 } else { panels * PANEL };
        let mut scales: Vec<f32> =
            outputs.iter().filter_map(|&at| self.scales.get(at).copied()).collect();
        let mut sums: Vec<i32> =
            outputs.iter().filter_map(|&at| self.sums.get(at).copied()).collect();
        scales.resize(padded, 0.0);
        sums.resize(padded, 0);
        Self { words, outputs: outputs.len(), scales, sums, ..*self }
    }

    /// The same weights rounded to bf16, and for each output the length of what rounding left out.
    ///
    /// # Panics
    /// Where they are not f32.
    pub(crate) fn rounded(&self) -> (Self, Vec<f32>) {
        assert_eq!(self.precision, Precision::F32, "the precision of the weights");
        let (panels, depth) = (self.panels(), self.inputs.div_ceil(2));
        let mut words = Words::zeros(panels * depth * PANEL);
        let mut lost = vec![0.0; panels * PANEL];
        let tasks = words[..panels * depth * PANEL].par_chunks_mut((depth * PANEL).max(1));
        tasks.zip(lost.par_chunks_mut(PANEL)).enumerate().for_each(|(panel, (words, lost))| {
            let rows = self.panel(panel).as_chunks::<PANEL>().0;
            for (words, pair) in words.as_chunks_mut::<PANEL>().0.iter_mut().zip(rows.chunks(2)) {
                for (place, row) in pair.iter().enumerate() {
                    for ((word, &bits), lost) in words.iter_mut().zip(row).zip(lost.iter_mut()) {
                        let half = u32::from(bf16(f32::from_bits(bits)));
                        *word |= half << (16 * place);
                        let left = f32::from_bits(bits) - f32::from_bits(half << 16);
                        *lost += left * left;
                    }
                }
            }
            for lost in lost {
                *lost = lost.sqrt();
            }
        });
        lost.truncate(self.outputs);
        let (scales, sums) = (Vec::new(), Vec::new());
        (Self { words, precision: Precision::Bf16, scales, sums, ..*self }, lost)
    }

    /// The length of each output's weights as they are multiplied.
    #[must_use]
    pub fn lengths(&self) -> Vec<f32> {
        let mut lengths = vec![0.0_f32; self.panels() * PANEL];
        lengths.par_chunks_mut(PANEL).enumerate().for_each(|(panel, lengths)| {
            for row in self.panel(panel).as_chunks::<PANEL>().0 {
                for (length, &word) in lengths.iter_mut().zip(row) {
                    *length += self.square(word);
                }
            }
            for length in lengths {
                *length = length.sqrt();
            }
        });
        lengths.truncate(self.outputs);
        lengths.iter_mut().zip(&self.scales).for_each(|(length, scale)| *length *= scale);
        lengths
    }

    /// The sum of the squares of a word's numbers, of bytes without their scale.
    #[inline(always)]
    fn square(&self, word: u32) -> f32 {
        let square = |x: f32| x * x;
        match self.precision {
            Precision::F32 => square(f32::from_bits(word)),
            Precision::Bf16 => {
                square(f32::from_bits(word << 16)) + square(f32::from_bits(word & 0xffff_0000))
            }
            Precision::Int8 => {
                word.to_le_bytes().map(|byte| square(f32::from(byte.cast_signed()))).iter().sum()
            }
        }
    }

    /// One output's weights as they are multiplied, rounding and all.
    #[must_use]
    pub fn row(&self, output: usize) -> Vec<f32> {
        let (panel, column) = (self.panel(output / PANEL), output % PANEL);
        let words = panel.iter().skip(column).step_by(PANEL);
        let float = |bits: u32| f32::from_bits(bits << 16);
        let scale = self.scales.get(output).copied().unwrap_or(0.0);
        let byte = |byte: u8| f32::from(byte.cast_signed()) * scale;
        let mut row = Vec::with_capacity(self.inputs + 3);
        for &word in words {
            match self.precision {
                Precision::F32 => row.push(f32::from_bits(word)),
                Precision::Bf16 => row.extend([float(word & 0xffff), float(word >> 16)]),
                Precision::Int8 => row.extend(word.to_le_bytes().map(byte)),
            }
        }
        row.truncate(self.inputs);
        row
    }
}

/// One output's column of a panel.
fn pack_floats(row: &[f32], words: &mut [u32], column: usize, precision: Precision) {
    let places = words.iter_mut().skip(column).step_by(PANEL);
    if precision == Precision::F32 {
        for (word, value) in places.zip(row) {
            *word = value.to_bits();
        }
        return;
    }
    for (word, pair) in places.zip(row.chunks(2)) {
        let high = pair.get(1).map_or(0, |x| u32::from(bf16(*x)));
        *word = u32::from(bf16(pair[0])) | high << 16;
    }
}

/// One output's column of a panel: what a byte stands for, and the sum of the bytes.
fn pack_bytes(row: &[f32], words: &mut [u32], column: usize) -> (f32, i32) {
    let scale = row.iter().fold(0.0_f32, |most, x| most.max(x.abs())) / 127.0;
    let byte = |x: &f32| if scale > 0.0 { (x / scale).round_ties_even() as i8 } else { 0 };
    let mut sum = 0;
    let places = words.iter_mut().skip(column).step_by(PANEL);
    for (word, four) in places.zip(row.chunks(4)) {
        let mut bytes = [0; 4];
        for (to, x) in bytes.iter_mut().zip(four) {
            let byte = byte(x);
            sum += i32::from(byte);
            *to = byte.cast_unsigned();
        }
        *word = u32::from_le_bytes(bytes);
    }
    (scale, sum)
}
