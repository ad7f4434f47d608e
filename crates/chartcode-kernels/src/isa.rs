//! What the CPU can do, found out at run time.

use std::fmt;
use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use crate::simd::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::Avx512;
#[cfg(target_arch = "aarch64")]
use crate::simd::neon::Neon;
use crate::simd::{Simd, portable::Portable};

/// An instruction set that this CPU has. A value can only be had where the CPU was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// With products of bf16 and of bytes: Zen 4, Sapphire Rapids.
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
    /// With products of bytes: Cascade Lake, Ice Lake.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// Skylake-X.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

/// Something that is computed with the vectors of one instruction set.
pub(crate) trait Kernel {
    type Output;
    /// Must be `#[inline(always)]`, and call nothing with vectors in it that is not.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

impl Isa {
    /// The best of this CPU, found out once.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::all()[0])
    }

    /// All of this CPU, the best first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut kinds = Vec::new();
        #[cfg(target_arch = "x86_64")]
        x86(&mut kinds);
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            kinds.push(Kind::Neon);
        }
        kinds.push(Kind::Portable);
        kinds.into_iter().map(Self).collect()
    }

    /// Plain Rust, which every CPU can do.
    #[must_use]
    pub fn portable() -> Self {
        Self(Kind::Portable)
    }

    /// As it is printed: `avx512-bf16`, `avx512-vnni`, `avx512`, `avx2`, `neon` or `portable`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16 => "avx512-bf16",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            Kind::Portable => "portable",
        }
    }

    /// Whether a product's sum is rounded once a term, which makes its bits the same on all CPUs
    /// that do.
    #[must_use]
    pub fn is_fused(self) -> bool {
        self.0 != Kind::Portable
    }

    /// Whether products of two bf16 are one instruction.
    #[must_use]
    pub fn has_bf16(self) -> bool {
        self.name() == "avx512-bf16"
    }

    /// Whether products of four bytes are one instruction.
    #[must_use]
    pub fn has_bytes(self) -> bool {
        matches!(self.name(), "avx512-bf16" | "avx512-vnni")
    }

    /// Runs a kernel with these instructions.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kind` other than `Portable` is only made where the CPU says that it has
            // every feature that the function is compiled for, see `x86` and `all`.
            Kind::Avx512Bf16 => unsafe { avx512_bf16(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Avx512Vnni => unsafe { avx512_vnni(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Avx512 => unsafe { avx512(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Avx2 => unsafe { avx2(kernel) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Kind::Neon => unsafe { neon(kernel) },
            Kind::Portable => kernel.run(Portable),
        }
    }
}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Isa({})", self.name())
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(target_arch = "x86_64")]
fn x86(kinds: &mut Vec<Kind>) {
    use std::arch::is_x86_feature_detected as has;
    let avx2 = has!("avx2") && has!("fma");
    let avx512 =
        avx2 && has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
    let vnni = avx512 && has!("avx512vnni");
    for (there, kind) in [
        (vnni && has!("avx512bf16"), Kind::Avx512Bf16),
        (vnni, Kind::Avx512Vnni),
        (avx512, Kind::Avx512),
        (avx2, Kind::Avx2),
    ] {
        if there {
            kinds.push(kind);
        }
    }
}

/// # Safety
/// The CPU has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16")]
unsafe fn avx512_bf16<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function is only called where the CPU has them.
    kernel.run(unsafe { Avx512::<true, true>::assume() })
}

/// # Safety
/// The CPU has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn avx512_vnni<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function is only called where the CPU has them.
    kernel.run(unsafe { Avx512::<false, true>::assume() })
}

/// # Safety
/// The CPU has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function is only called where the CPU has them.
    kernel.run(unsafe { Avx512::<false, false>::assume() })
}

/// # Safety
/// The CPU has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function is only called where the CPU has them.
    kernel.run(unsafe { Avx2::assume() })
}

/// # Safety
/// The CPU has the features.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
unsafe fn neon<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function is only called where the CPU has them.
    kernel.run(unsafe { Neon::assume() })
}
