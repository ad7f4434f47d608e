//! How an engine is to run.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use chartcode_kernels::Precision;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Options of [`Engine::load`](crate::Engine::load).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Where tensors live.
    pub device: Device,
    /// What the encoder's and the head's large products are computed in.
    pub precision: Precision,
    /// Threads to compute with; all of the machine's where none is given.
    pub threads: Option<NonZeroUsize>,
    /// Replaces the bundle's threshold above which a code is suggested, those of single labels too.
    pub threshold: Option<f64>,
    /// Report this many codes, whatever their probability.
    pub top: Option<usize>,
    /// By what passages are chosen.
    pub evidence: EvidenceKind,
    /// Whether heads of the LAAT and CAML kind rule out, by bounds on their logits, labels that
    /// cannot be in a report before they compute them. Reports are the same to the last bit; calls
    /// that give all logits compute all. It takes memory for a copy of the head in bf16, and pays
    /// where there are many labels.
    pub prune: bool,
}

/// By what the passages that support a code are chosen and ordered.
///
/// The two differ for heads in which labels attend to tokens; the others have one measure of their
/// own, see [`HeadSpec`](crate::HeadSpec).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EvidenceKind {
    /// None are looked for.
    None,
    /// By the label's attention to them.
    Attention,
    /// By what they add to the label's logit.
    #[default]
    Contribution,
}

impl Options {
    /// The defaults: CPU, all threads, the bundle's thresholds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the device.
    #[must_use]
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Sets what large products are computed in.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Sets the number of threads.
    #[must_use]
    pub fn threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the threshold, in `[0, 1]`.
    #[must_use]
    pub fn threshold(mut self, threshold: Option<f64>) -> Self {
        self.threshold = threshold;
        self
    }

    /// Sets by what passages are chosen.
    #[must_use]
    pub fn evidence(mut self, evidence: EvidenceKind) -> Self {
        self.evidence = evidence;
        self
    }

    /// Sets whether labels that cannot be in a report are ruled out.
    #[must_use]
    pub fn prune(mut self, prune: bool) -> Self {
        self.prune = prune;
        self
    }

    /// Sets how many codes are reported.
    #[must_use]
    pub fn top(mut self, top: Option<usize>) -> Self {
        self.top = top;
        self
    }
}

/// Where tensors live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA card, by number.
    Cuda(usize),
}

impl Device {
    pub(crate) fn open(self) -> Result<candle_core::Device> {
        match self {
            Self::Cpu => Ok(candle_core::Device::Cpu),
            Self::Cuda(_) => Err(Error::Device {
                device: self.to_string(),
                reason: "this build of chartcode computes on the CPU only",
            }),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl FromStr for Device {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", number)) => {
                number.parse().map(Self::Cuda).map_err(|_| "the card's number is not a number")
            }
            _ => Err("a device is cpu, cuda or cuda:N"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_parse_as_they_print() {
        for device in [Device::Cpu, Device::Cuda(0), Device::Cuda(3)] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        assert!("gpu".parse::<Device>().is_err());
        assert!("cuda:x".parse::<Device>().is_err());
    }

    #[test]
    fn a_missing_card_is_an_error_not_the_cpu() {
        assert!(matches!(Device::Cuda(1).open(), Err(Error::Device { .. })));
    }
}
