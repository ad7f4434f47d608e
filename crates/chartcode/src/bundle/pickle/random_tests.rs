//! Files damaged at random, and pickles of random opcodes: never a panic.

use proptest::prelude::*;

use super::file_tests::file;
use super::hostile_tests::{exercise, legacy};

const SAMPLES: [&str; 8] = [
    "training_p2.pt",
    "training_p4.pt",
    "legacy_training_p2.pt",
    "numpy_p4.pt",
    "views.pt",
    "odd.pt",
    "legacy_whole.pt",
    "parameters.pt",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn damaged_files_never_panic(
        sample in 0..SAMPLES.len(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = file(SAMPLES[sample]);
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        drop(exercise(&bytes));
    }

    #[test]
    fn damaged_pickles_never_panic(
        sample in 0..SAMPLES.len(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        // Within the object's pickle only, where the zip's own checks do not get in the way.
        let mut bytes = file(SAMPLES[sample]);
        let end = bytes.len().min(1200);
        for (at, value) in flips {
            bytes[64 + at.index(end - 64)] = value;
        }
        drop(exercise(&bytes));
    }

    #[test]
    fn any_bytes_as_a_pickle_never_panic(object in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(exercise(&legacy(&object)));
    }

    #[test]
    fn opcodes_in_any_order_never_panic(
        opcodes in prop::collection::vec(prop::sample::select(OPCODES), 0..60),
    ) {
        drop(exercise(&legacy(&opcodes.concat())));
    }
}

/// Whole opcodes with operands, to get deeper than random bytes do.
const OPCODES: &[&[u8]] = &[
    b"N",
    b"\x88",
    b"K\x01",
    b"K\x04",
    b"J\xff\xff\xff\xff",
    b"M\x00\x01",
    b"G\x3f\xf0\0\0\0\0\0\0",
    b"\x8a\x01\x05",
    b"\x8a\x00",
    b"U\x01a",
    b"U\x07storage",
    b"U\x06latin1",
    b"X\x01\0\0\0b",
    b"C\x01c",
    b"(",
    b"0",
    b"1",
    b"2",
    b"q\x00",
    b"q\x01",
    b"h\x00",
    b"h\x01",
    b"\x94",
    b"]",
    b")",
    b"}",
    b"l",
    b"t",
    b"d",
    b"\x85",
    b"\x86",
    b"\x87",
    b"\x8f",
    b"\x90",
    b"\x91",
    b"a",
    b"e",
    b"s",
    b"u",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._utils\n_rebuild_tensor_v3\n",
    b"ctorch._utils\n_rebuild_parameter\n",
    b"ctorch\nFloatStorage\n",
    b"ctorch\nfloat16\n",
    b"ccollections\nOrderedDict\n",
    b"c_codecs\nencode\n",
    b"cnumpy\ndtype\n",
    b"U\x02f8",
    b"cnumpy.core.multiarray\nscalar\n",
    b"ctorch._tensor\n_rebuild_from_type_v2\n",
    b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x04NtQ",
    b"R",
    b"b",
    b"Q",
    b"\x81",
    b"\x92",
    b"ia\nb\n",
    b"o",
    b"\x93",
    b"\x95\0\0\0\0\0\0\0\0",
    b"\x80\x04",
];
