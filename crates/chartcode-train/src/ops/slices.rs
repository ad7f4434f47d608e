//! The numbers of tensors as slices.

use std::sync::Mutex;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Storage, Tensor, bail};

/// Work is handed to threads in pieces of about this many values. Fixed, so that sums over pieces
/// do not depend on the number of threads.
pub(crate) const PIECE: usize = 16 * 1024;

/// Runs `f` compiled for the vector instructions that this processor has. What it calls must be
/// inlined into it.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the closure is compiled for the caller's loop")]
pub(crate) fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// Reads a contiguous f32 tensor on the CPU.
pub(crate) fn read<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => f(&values[start..end]),
        _ => bail!("a contiguous f32 tensor on the CPU was expected"),
    }
}

/// Changes a contiguous f32 tensor on the CPU in place.
pub(crate) fn update(tensor: &Tensor, f: impl FnOnce(&mut [f32]) -> Result<()>) -> Result<()> {
    tensor.inplace_op1(&Update(Mutex::new(Some(f))))
}

struct Update<F>(Mutex<Option<F>>);

impl<F: FnOnce(&mut [f32]) -> Result<()>> InplaceOp1 for Update<F> {
    fn name(&self) -> &'static str {
        "update"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let f = self.0.lock().ok().and_then(|mut f| f.take());
        match (storage, layout.contiguous_offsets(), f) {
            (CpuStorage::F32(values), Some((start, end)), Some(f)) => f(&mut values[start..end]),
            _ => bail!("a contiguous f32 tensor on the CPU was expected"),
        }
    }
}
