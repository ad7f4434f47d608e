//! Layers of BERT's kind on the CPU's kernels: what lies between two products is computed while it
//! is at hand, and all memory is kept from one batch to the next.

use std::sync::{Mutex, PoisonError};

use chartcode_kernels::{Attention, Isa, Norm, Precision, Product, Rows, Target, WindowRows};

use super::Input;

/// One layer's parts.
#[derive(Clone, Copy)]
pub(super) struct FusedLayer<'a> {
    pub(super) attention: FusedAttention<'a>,
    pub(super) feed_forward: FusedFeedForward<'a>,
    pub(super) norms: &'a FusedNorms,
}

/// Projections around attention.
#[derive(Clone, Copy)]
pub(super) struct FusedAttention<'a> {
    pub(super) qkv: Product<'a>,
    pub(super) heads: Attention,
    pub(super) output: Product<'a>,
}

/// The two maps of a feed-forward block.
#[derive(Clone, Copy)]
pub(super) struct FusedFeedForward<'a> {
    pub(super) up: Product<'a>,
    pub(super) down: Product<'a>,
}

/// LayerNorm behind attention and behind the feed-forward block.
#[derive(Debug)]
pub(super) struct FusedNorms {
    pub(super) attention: Norm,
    pub(super) output: Norm,
}

/// Workspaces that no thread uses at the moment.
#[derive(Debug, Default)]
pub(super) struct Workspaces(Mutex<Vec<Workspace>>);

/// The memory of one batch.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    input: Rows,
    qkv: Rows,
    wide: Rows,
    /// A product that is not a product's input, `[rows, H]`.
    values: Vec<f32>,
    /// The feed-forward block's inner values, where they are to become bytes.
    wide_values: Vec<f32>,
}

impl Workspaces {
    /// Lends a workspace.
    pub(super) fn with<T>(&self, run: impl FnOnce(&mut Workspace) -> T) -> T {
        let mut own = self.free(Vec::pop).unwrap_or_default();
        let result = run(&mut own);
        self.free(|free| free.push(own));
        result
    }

    fn free<T>(&self, change: impl FnOnce(&mut Vec<Workspace>) -> T) -> T {
        // What is in it is overwritten before it is read.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Workspace {
    /// Hidden states `[rows, H]` of windows row after row, through the layers.
    pub(super) fn run(
        &mut self,
        mut hidden: Vec<f32>,
        windows: &[Input<'_>],
        layers: &[FusedLayer<'_>],
    ) -> Vec<f32> {
        let (isa, windows) = (Isa::best(), window_rows(windows));
        let Some(first) = layers.first() else {
            return hidden;
        };
        let precision = first.attention.qkv.matrix.precision();
        self.input.fill(isa, &hidden, first.attention.qkv.matrix.inputs(), precision);
        self.values.resize(hidden.len(), 0.0);
        for layer in layers {
            self.attend(isa, &layer.attention, &windows);
            let rows = (&mut self.input, precision);
            layer.norms.attention.add(isa, &mut hidden, &self.values, rows);
            self.feed(isa, &layer.feed_forward);
            let rows = (&mut self.input, precision);
            layer.norms.output.add(isa, &mut hidden, &self.values, rows);
        }
        hidden
    }

    /// From `input` to `values`.
    fn attend(&mut self, isa: Isa, attention: &FusedAttention<'_>, windows: &[WindowRows]) {
        let (precision, rows) = (attention.qkv.matrix.precision(), self.input.rows());
        let between = if precision == Precision::F32 { precision } else { Precision::Bf16 };
        self.qkv.reset(rows, attention.qkv.matrix.outputs(), between);
        attention.qkv.run(isa, &self.input, Target::Rows(&mut self.qkv));
        let width = attention.output.matrix.inputs();
        if precision == Precision::Int8 {
            attention.heads.run(isa, &self.qkv, windows, Target::Values(&mut self.values));
            self.input.fill(isa, &self.values, width, precision);
        } else {
            self.input.reset(rows, width, precision);
            attention.heads.run(isa, &self.qkv, windows, Target::Rows(&mut self.input));
        }
        attention.output.run(isa, &self.input, Target::Values(&mut self.values));
    }

    /// From `input` to `values`.
    fn feed(&mut self, isa: Isa, block: &FusedFeedForward<'_>) {
        let (precision, rows) = (block.up.matrix.precision(), self.input.rows());
        let width = block.up.matrix.outputs();
        if precision == Precision::Int8 {
            self.wide_values.resize(rows * width, 0.0);
            block.up.run(isa, &self.input, Target::Values(&mut self.wide_values));
            self.wide.fill(isa, &self.wide_values, width, precision);
        } else {
            self.wide.reset(rows, width, precision);
            block.up.run(isa, &self.input, Target::Rows(&mut self.wide));
        }
        block.down.run(isa, &self.wide, Target::Values(&mut self.values));
    }
}

fn window_rows(windows: &[Input<'_>]) -> Vec<WindowRows> {
    let mut first = 0;
    let place = |window: &Input<'_>| {
        let rows = WindowRows { first, length: window.ids.len(), keys: window.keys };
        first += rows.length;
        rows
    };
    windows.iter().map(place).collect()
}
