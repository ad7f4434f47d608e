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
