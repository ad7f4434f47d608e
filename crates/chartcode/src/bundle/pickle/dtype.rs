//! Element types, by the names PyTorch gives them, and their values as numbers.

/// The element type of a tensor. Elements are little-endian in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DType {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    BF16,
    /// IEEE double precision.
    F64,
    /// Signed, 64 bits.
    I64,
    /// Signed, 32 bits.
    I32,
    /// Signed, 16 bits.
    I16,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 8 bits.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

impl DType {
    /// Bytes an element takes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// The type that `torch.float32` and its like name.
    pub(super) fn of_global(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("torch.")? {
            "float32" | "float" => Self::F32,
            "float16" | "half" => Self::F16,
            "bfloat16" => Self::BF16,
            "float64" | "double" => Self::F64,
            "int64" | "long" => Self::I64,
            "int32" | "int" => Self::I32,
            "int16" | "short" => Self::I16,
            "int8" => Self::I8,
            "uint8" => Self::U8,
            "bool" => Self::Bool,
            _ => return None,
        })
    }

    /// The element in `bytes` as a number, `None` unless there are as many as one takes.
    pub(super) fn number(self, bytes: &[u8]) -> Option<f64> {
        Some(match self {
            Self::F64 => f64::from_le_bytes(bytes.try_into().ok()?),
            Self::F32 => f32::from_le_bytes(bytes.try_into().ok()?).into(),
            Self::F16 => half(u16::from_le_bytes(bytes.try_into().ok()?)),
            Self::BF16 => {
                let upper = u16::from_le_bytes(bytes.try_into().ok()?);
                f32::from_bits(u32::from(upper) << 16).into()
            }
            Self::I64 => i64::from_le_bytes(bytes.try_into().ok()?) as f64,
            Self::I32 => i32::from_le_bytes(bytes.try_into().ok()?).into(),
            Self::I16 => i16::from_le_bytes(bytes.try_into().ok()?).into(),
            Self::I8 => i8::from_le_bytes(bytes.try_into().ok()?).into(),
            Self::U8 | Self::Bool => u8::from_le_bytes(bytes.try_into().ok()?).into(),
        })
    }
}

/// What a storage is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Element {
    /// Elements of a type this engine reads.
    Known(DType),
    /// Elements of this many bytes that it does not read: complex or quantized numbers.
    Other(usize),
}

impl Element {
    /// Bytes an element takes.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Known(dtype) => dtype.size(),
            Self::Other(size) => size,
        }
    }

    /// The type of the elements, where this engine reads it.
    pub(super) fn known(self) -> Option<DType> {
        match self {
            Self::Known(dtype) => Some(dtype),
            Self::Other(_) => None,
        }
    }

    /// What a storage of the class `module.name` is made of, on whatever device it lay.
    pub(super) fn of_storage(class: &str) -> Option<Self> {
        let name = class.rsplit_once('.').map_or(class, |(_, name)| name);
        Some(Self::Known(match name.strip_suffix("Storage")? {
            "Float" => DType::F32,
            "Half" => DType::F16,
            "BFloat16" => DType::BF16,
            "Double" => DType::F64,
            "Long" => DType::I64,
            "Int" => DType::I32,
            "Short" => DType::I16,
            "Char" => DType::I8,
            "Byte" | "Untyped" => DType::U8,
            "Bool" => DType::Bool,
            "ComplexDouble" => return Some(Self::Other(16)),
            "ComplexFloat" => return Some(Self::Other(8)),
            "QInt32" => return Some(Self::Other(4)),
            "QInt8" | "QUInt8" | "QUInt4x2" | "QUInt2x4" => return Some(Self::Other(1)),
            _ => return None,
        }))
    }
}

/// A number of IEEE half precision: 1 bit of sign, 5 of exponent, 10 of fraction.
pub(super) fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    let exponent = i32::from(bits >> 10 & 0x1f);
    let size = match exponent {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_covers_its_whole_range() {
        assert_eq!(half(0x3c00), 1.0);
        assert_eq!(half(0xc000), -2.0);
        assert_eq!(half(0x7bff), 65504.0);
        assert_eq!(half(0x0001), 2f64.powi(-24));
        assert_eq!(half(0x7c00), f64::INFINITY);
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn a_storage_is_known_by_its_class_on_any_device() {
        for class in ["torch.FloatStorage", "torch.cuda.FloatStorage"] {
            assert!(matches!(Element::of_storage(class), Some(Element::Known(DType::F32))));
        }
        assert!(Element::of_storage("torch.FancyStorage").is_none());
        assert!(Element::of_storage("torch.float32").is_none());
    }
}
