//! Files that were cut, damaged or made to harm: an error each, never a panic or a flood.

use std::time::{Duration, Instant};

use super::file_tests::file;
use super::{PickleError, Result, read};

/// What the form before 1.6 begins with: magic number, version and an empty dict.
const HEAD: &[u8] =
    b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.}.";

/// A checkpoint of that form around an object pickle: with one storage of 4 floats named 0, or with
/// none where the pickle names none.
pub(super) fn legacy(object: &[u8]) -> Vec<u8> {
    if !object.windows(7).any(|letters| letters == b"Storage") {
        return [HEAD, object, b"]."].concat();
    }
    let mut bytes = [HEAD, object, b"](U\x010e.", &4u64.to_le_bytes()].concat();
    for value in [1f32, 2.0, 3.0, 4.0] {
        bytes.extend(value.to_le_bytes());
    }
    bytes
}

/// The opcodes of a tensor in that storage: offset and view metadata as opcodes, shape and stride
/// as opcodes of tuples.
fn tensor(part: &str, offset: &str, shape: &str, stride: &str) -> String {
    format!(
        "ctorch._utils\n_rebuild_tensor_v2\n((U\u{7}storagectorch\nFloatStorage\nU\u{1}0U\u{3}cpu\
         K\u{4}{part}tQ{offset}{shape}{stride}I00\nNtR"
    )
}

/// A checkpoint `{"w": tensor}`.
fn with_tensor(part: &str, offset: &str, shape: &str, stride: &str) -> Vec<u8> {
    legacy(format!("}}U\u{1}w{}s.", tensor(part, offset, shape, stride)).as_bytes())
}

/// The error of reading `bytes`, which must come at once.
fn error(bytes: &[u8]) -> PickleError {
    let start = Instant::now();
    let error = read(bytes).expect_err("an error");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    error
}

/// Reads, and touches every tensor's elements.
pub(super) fn exercise(bytes: &[u8]) -> Result<()> {
    let checkpoint = read(bytes)?;
    for tensor in checkpoint.tensors() {
        let held = tensor.bytes(bytes)?.len();
        assert_eq!(held, tensor.numel() * tensor.dtype.size());
        checkpoint.number(&tensor.path, bytes);
    }
    Ok(())
}

#[test]
fn the_hand_made_checkpoint_is_sound() {
    let values = |bytes: &[u8]| -> Vec<f64> {
        let checkpoint = read(bytes).expect("a checkpoint");
        let tensor = checkpoint.tensor("w").expect("w");
        let data = tensor.bytes(bytes).expect("the same file").into_owned();
        data.chunks(4).filter_map(|element| tensor.dtype.number(element)).collect()
    };
    assert_eq!(values(&with_tensor("N", "K\0", "(K\u{4}t", "(K\u{1}t")), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(values(&with_tensor("N", "K\u{1}", "(K\u{2}t", "(K\u{2}t")), [2.0, 4.0]);
    // A view of elements 1 to 3, as before 0.4: offsets count from its start.
    let part = "(U\u{1}vK\u{1}K\u{3}t";
    assert_eq!(values(&with_tensor(part, "K\u{1}", "(K\u{2}t", "(K\u{1}t")), [3.0, 4.0]);
    assert_eq!(values(&with_tensor("N", "K\u{3}", "(K\u{1}t", "(I9223372036854775807\nt")), [4.0]);
}

#[test]
fn a_tensor_may_name_its_type_apart_from_its_storage() {
    let untyped = tensor("N", "K\u{2}", "(K\u{2}t", "(K\u{1}t")
        .replace("tensor_v2", "tensor_v3")
        .replace("FloatStorage", "UntypedStorage")
        .replace("cpuK\u{4}", "cpuK\u{10}")
        .replace("NtR", "Nctorch\nint16\ntR");
    let mut bytes = legacy(format!("}}U\u{1}w{untyped}s.").as_bytes());
    let count = bytes.len() - 16 - 8;
    bytes[count] = 16;
    let checkpoint = read(&bytes).expect("a checkpoint");
    let tensor = checkpoint.tensor("w").expect("w");
    assert_eq!(tensor.dtype, super::DType::I16);
    assert_eq!(*tensor.bytes(&bytes).expect("the same file"), [0, 0, 0, 0x40], "the second float");
}

#[test]
fn elements_beyond_the_storage_are_refused() {
    let largest = "I9223372036854775807\n";
    for (part, offset, shape, stride) in [
        ("N", "K\0", "(K\u{5}t", "(K\u{1}t"),
        ("N", "K\u{4}", "(K\u{1}t", "(K\u{1}t"),
        ("N", "K\0", "(K\u{2}t", "(K\u{4}t"),
        ("N", largest, "(K\u{1}t", "(K\u{1}t"),
        ("N", "K\0", &format!("({largest}{largest}t"), &format!("({largest}{largest}t")),
        ("(U\u{1}vK\u{3}K\u{2}t", "K\0", "(K\u{1}t", "(K\u{1}t"),
        ("(U\u{1}vK\u{1}K\u{2}t", "K\u{2}", "(K\u{1}t", "(K\u{1}t"),
    ] {
        let error = error(&with_tensor(part, offset, shape, stride));
        assert!(matches!(error, PickleError::OutOfStorage { .. }), "{error}");
    }
    let negative = error(&with_tensor("N", "I-1\n", "(K\u{1}t", "(K\u{1}t"));
    assert!(matches!(negative, PickleError::Malformed { .. }), "{negative}");
    let repeated = with_tensor("N", "K\0", &format!("({largest}{largest}t"), "(K\0K\0t");
    assert!(matches!(error(&repeated), PickleError::Repeated { .. }));
    let empty = with_tensor("N", largest, &format!("(K\0{largest}{largest}t"), "(K\0K\0K\0t");
    assert!(exercise(&empty).is_ok(), "no elements reach nowhere");
}

#[test]
fn dangerous_names_are_refused_wherever_they_stand() {
    for object in [
        b"cos\nsystem\n.".as_slice(),
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"(U\x02idios\nsystem\n.",
        b"\x80\x04\x8c\x13torch.serialization\x8c\x09os.system\x93.",
        b"c__builtin__\neval\n(U\x011tR.",
    ] {
        let error = error(&legacy(object));
        assert!(matches!(error, PickleError::Dangerous { .. }), "{error}");
    }
}

#[test]
fn opcodes_without_operands_are_refused() {
    for object in [
        "0.",
        "1.",
        "2.",
        ".",
        "t.",
        "a.",
        "s.",
        "]s.",
        "(a.",
        "R.",
        "(R.",
        "NR.",
        "b.",
        "Q.",
        "NQ.",
        "(o.",
        "h\u{9}.",
        "p1\n.",
        "gx\n.",
        "(Nd.",
        "u.",
        "NNs.",
        "NNNs.",
        "(NNu.",
        "Ifive\n.",
        "Fx\n.",
        "Sx\n.",
        "K",
        "X\u{ff}\u{ff}",
        "c\n",
        "(0.",
        "(1.",
        "(]1e.",
    ] {
        assert!(read(&legacy(object.as_bytes())).is_err(), "{object:?}");
    }
    let unknown = error(&legacy(b"\xff."));
    assert!(
        matches!(unknown, PickleError::Opcode { opcode: 0xff, at } if at == HEAD.len()),
        "{unknown}"
    );
}

#[test]
fn the_head_says_version_and_byte_order() {
    let version = [&HEAD[..15], b"M\xe8\x03.}.N.]."].concat();
    assert!(matches!(error(&version), PickleError::LegacyVersion));
    let big = [&HEAD[..21], b"}U\x0dlittle_endianI00\ns.}.]."].concat();
    assert!(matches!(error(&big), PickleError::BigEndian));
    for other in [b"".as_slice(), b"\x08\0\0\0\0\0\0\0{}", b"version https", b"PK\x03\x04"] {
        let error = error(other);
        assert!(matches!(error, PickleError::NotACheckpoint | PickleError::Zip(_)), "{error}");
    }
}

#[test]
fn counts_of_any_size_allocate_nothing() {
    for object in [
        b"B\xff\xff\xff\xff".as_slice(),
        b"X\xff\xff\xff\x7f",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x8b\xff\xff\xff\xff",
    ] {
        assert!(matches!(error(&legacy(object)), PickleError::Truncated { .. }));
    }
    let mut bytes = with_tensor("N", "K\0", "(K\u{4}t", "(K\u{1}t");
    let count = bytes.len() - 4 * 4 - 8;
    bytes[count..count + 8].fill(0xff);
    assert!(matches!(error(&bytes), PickleError::Outside { .. }));
}

#[test]
fn values_that_hold_themselves_end() {
    for object in [b"]q\x00h\x00a.".as_slice(), b"}q\x00U\x01kh\x00s."] {
        assert!(matches!(error(&legacy(object)), PickleError::TooDeep { .. }));
    }
    let deep = ["]".repeat(200_000), "a".repeat(199_999), ".".to_owned()].concat();
    assert!(matches!(error(&legacy(deep.as_bytes())), PickleError::TooDeep { .. }));
}

#[test]
fn values_named_over_and_over_are_counted() {
    // Each list holds the one before it ten times.
    let mut object = b"](K\x01K\x02e".to_vec();
    for level in 0..40u8 {
        object.extend([b'q', level, b'0', b']', b'(']);
        object.extend([b'h', level].repeat(10));
        object.push(b'e');
    }
    object.push(b'.');
    let laughs = error(&legacy(&object));
    assert!(matches!(laughs, PickleError::TooMuch { .. }), "{laughs}");
    // Dicts that each copy one long list of pairs.
    let pairs = ["](", "]q\0(NNe", &"h\0".repeat(60_000), "eq\u{1}0"].concat();
    let dicts = "ccollections\nOrderedDict\n(h\u{1}tR0".repeat(1000);
    let copies = error(&legacy([pairs, dicts, "}.".to_owned()].concat().as_bytes()));
    assert!(matches!(copies, PickleError::TooMuch { .. }), "{copies}");
    let endless = "N".repeat(5_000_000);
    assert!(matches!(error(&legacy(endless.as_bytes())), PickleError::TooMuch { .. }));
    // One long key with many values below it.
    let long = format!(
        "}}X\u{0}\u{0}\u{8}\u{0}{}](K\u{1}q\u{1}{}es.",
        "k".repeat(1 << 19),
        "h\u{1}".repeat(9000)
    );
    assert!(matches!(error(&legacy(long.as_bytes())), PickleError::TooMuch { .. }));
}

#[test]
fn a_path_may_stand_once_only() {
    let w = tensor("N", "K\0", "(K\u{4}t", "(K\u{1}t");
    let bytes = legacy(format!("}}U\u{3}a.b{w}sU\u{1}a}}U\u{1}b{w}ss.").as_bytes());
    assert!(matches!(error(&bytes), PickleError::Twice { path } if path == "a.b"));
}

#[test]
fn storages_must_be_known_and_there() {
    let fancy = with_tensor("N", "K\0", "(K\u{4}t", "(K\u{1}t");
    let fancy = String::from_utf8_lossy(&fancy[HEAD.len()..fancy.len() - 31])
        .replace("FloatStorage", "FancyStorage");
    let fancy = legacy(fancy.as_bytes());
    assert!(
        matches!(error(&fancy), PickleError::StorageClass { name } if name == "torch.FancyStorage")
    );
    let mut bytes = with_tensor("N", "K\0", "(K\u{4}t", "(K\u{1}t");
    bytes.truncate(bytes.len() - 31);
    bytes.extend(b"].");
    assert!(matches!(error(&bytes), PickleError::NoStorage { .. }));
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for name in ["small.pt", "legacy_small.pt", "types.pt", "legacy_training_p1.pt"] {
        let whole = file(name);
        exercise(&whole).expect(name);
        for length in 0..whole.len() {
            assert!(exercise(&whole[..length]).is_err(), "{name} cut to {length} bytes");
        }
    }
}

#[test]
fn every_single_byte_may_be_damaged() {
    for name in ["small.pt", "legacy_small.pt"] {
        let mut bytes = file(name);
        for at in 0..bytes.len() {
            let kept = bytes[at];
            for damaged in [0, 0xff, kept ^ 1, kept ^ 0x80, kept.wrapping_add(1), b'.', b'('] {
                bytes[at] = damaged;
                drop(exercise(&bytes));
            }
            bytes[at] = kept;
        }
    }
}
