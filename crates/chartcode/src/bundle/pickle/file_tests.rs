//! Files that PyTorch wrote (`scripts/pickles/make_files.py`), against what PyTorch reads from them.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::{Checkpoint, PickleError, TensorRef, read};

pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pickle")
}

pub(super) fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).expect("make_files.py has been run")
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).expect("a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn described(tensor: &TensorRef, file: &[u8]) -> Json {
    serde_json::json!({
        "dtype": format!("{:?}", tensor.dtype),
        "shape": tensor.shape,
        "data": hex(&tensor.bytes(file).expect("the same file")),
    })
}

fn assert_as_expected(name: &str) {
    let bytes = file(&format!("{name}.pt"));
    let checkpoint = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    let expected: Json = serde_json::from_slice(&file(&format!("{name}.json"))).expect("JSON");
    let tensors: serde_json::Map<_, _> =
        checkpoint.tensors().iter().map(|t| (t.path.clone(), described(t, &bytes))).collect();
    assert_eq!(Json::Object(tensors), expected["tensors"], "{name}: tensors");
    let numbers: serde_json::Map<_, _> =
        checkpoint.numbers().iter().map(|(path, n)| (path.clone(), (*n).into())).collect();
    let said = expected["numbers"].as_object().expect("an object");
    assert_eq!(numbers.len(), said.len(), "{name}: {numbers:?}");
    for (path, value) in said.iter().chain(expected["scalars"].as_object().expect("an object")) {
        assert_eq!(checkpoint.number(path, &bytes), value.as_f64(), "{name}: {path}");
    }
    let ignored: Vec<_> = checkpoint.ignored().iter().map(|i| Json::from(&*i.path)).collect();
    assert_eq!(Json::Array(ignored), expected["ignored"], "{name}: ignored");
}

#[test]
fn every_file_reads_as_pytorch_reads_it() {
    let mut compared = 0;
    for entry in std::fs::read_dir(folder()).expect("make_files.py has been run") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "json") {
            assert_as_expected(path.file_stem().and_then(|stem| stem.to_str()).expect("a name"));
            compared += 1;
        }
    }
    assert!(compared >= 18, "{compared}");
}

#[test]
fn both_forms_and_all_protocols_hold_the_same() {
    let tensors = |name: &str| -> Vec<_> {
        let bytes = file(name);
        let checkpoint = read(&bytes).expect(name);
        let described = |t: &TensorRef| (t.path.clone(), described(t, &bytes));
        checkpoint.tensors().iter().map(described).collect()
    };
    for name in ["training_p4.pt", "training_p5.pt", "legacy_training_p2.pt"] {
        assert_eq!(tensors("training_p2.pt"), tensors(name), "{name}");
    }
    assert_eq!(tensors("types.pt"), tensors("legacy_types.pt"));
    assert_eq!(tensors("views.pt"), tensors("legacy_views.pt"));
}

#[test]
fn one_number_is_found_however_it_was_saved() {
    for name in ["training_p2.pt", "legacy_training_p4.pt", "training_db_tensor.pt", "numpy_p5.pt"]
    {
        let bytes = file(name);
        assert_eq!(read(&bytes).expect(name).number("db", &bytes), Some(0.375), "{name}");
    }
    let bytes = file("training_p2.pt");
    let checkpoint = read(&bytes).expect("a checkpoint");
    assert_eq!(checkpoint.number("epoch", &bytes), Some(7.0));
    assert_eq!(checkpoint.number("best", &bytes), Some(1.0));
    assert_eq!(checkpoint.number("seed", &bytes), Some(2f64.powi(100)));
    assert_eq!(checkpoint.number("optimizer.state.0.step", &bytes), Some(1.0));
    assert_eq!(checkpoint.number("model.roberta.weight", &bytes), None, "six elements");
    assert_eq!(checkpoint.number("no.such", &bytes), None);
}

#[test]
fn numbers_of_numpy_before_2_are_read() {
    let text = |bytes: &[u8]| -> String { bytes.iter().copied().map(char::from).collect() };
    let new = text(&file("legacy_training_p2.pt"));
    let old = new.replace("numpy._core.multiarray", "numpy.core.multiarray");
    assert_ne!(new, old);
    let bytes: Vec<u8> = old.chars().filter_map(|letter| u8::try_from(letter).ok()).collect();
    assert_eq!(read(&bytes).expect("a checkpoint").number("db", &bytes), Some(0.375));
}

#[test]
fn contiguous_tensors_are_borrowed_and_views_are_gathered() {
    let bytes = file("views.pt");
    let checkpoint = read(&bytes).expect("a checkpoint");
    for (path, contiguous) in [
        ("whole", true),
        ("row", true),
        ("column", false),
        ("block", false),
        ("transposed", false),
        ("expanded", false),
        ("one", true),
        ("permuted", false),
    ] {
        let tensor = checkpoint.tensor(path).expect(path);
        assert_eq!(tensor.is_contiguous(), contiguous, "{path}");
        let data = tensor.bytes(&bytes).expect("the same file");
        assert_eq!(matches!(data, std::borrow::Cow::Borrowed(_)), contiguous, "{path}");
    }
    let tied = [checkpoint.tensor("whole"), checkpoint.tensor("tied")];
    assert_eq!(tied[0].map(|t| t.start), tied[1].map(|t| t.start));
    let (row, whole) = (checkpoint.tensor("row"), checkpoint.tensor("whole"));
    assert_eq!(row.map(|t| t.start), whole.map(|t| t.start + 12 * 4), "the third of rows of six");
}

#[test]
fn a_file_that_changed_gives_an_error() {
    let bytes = file("small.pt");
    let checkpoint = read(&bytes).expect("a checkpoint");
    let error = checkpoint.tensor("w").expect("w").bytes(&bytes[..10]);
    assert!(matches!(error, Err(PickleError::Changed { .. })));
}

fn ignored(checkpoint: &Checkpoint) -> Vec<(&str, &str)> {
    checkpoint.ignored().iter().map(|i| (&*i.path, &*i.class)).collect()
}

#[test]
fn what_is_no_tensor_is_left_out_by_name() {
    let mut expected = vec![
        ("sparse", "torch._utils._rebuild_sparse_tensor"),
        ("complex", "torch.Tensor of an element type that is not read"),
        ("float8", "torch.Tensor of an element type that is not read"),
        ("uint16", "torch.Tensor of an element type that is not read"),
        ("quantized", "torch._utils._rebuild_qtensor"),
        ("negated", "torch.Tensor, conjugated or negated"),
        ("storage", "torch.storage"),
        ("set", "builtins.set"),
        ("dtype", "torch.float32"),
        ("device", "torch.device"),
        ("", "a value whose key is no name"),
        ("array", "builtins.bytearray"),
        ("frozen", "builtins.frozenset"),
        ("complex_number", "builtins.complex"),
    ];
    for name in ["odd.pt", "odd_p4.pt", "legacy_odd.pt"] {
        if name == "legacy_odd.pt" {
            expected.retain(|(path, _)| !matches!(*path, "float8" | "uint16"));
        }
        let bytes = file(name);
        let checkpoint = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(ignored(&checkpoint), expected, "{name}");
        let kept: Vec<_> = checkpoint.tensors().iter().map(|t| &*t.path).collect();
        assert_eq!(kept, ["kept", "3.4"], "{name}");
        let numbers: Vec<_> = checkpoint.numbers().iter().map(|(path, _)| &**path).collect();
        assert_eq!(numbers, ["size.0", "size.1", "3.True"], "{name}");
    }
    let bytes = file("inner.pt");
    let checkpoint = read(&bytes).expect("a checkpoint");
    assert_eq!(ignored(&checkpoint), [("model", "torch.nn.modules.linear.Linear")]);
    assert_eq!(checkpoint.number("epoch", &bytes), Some(1.0));
}

#[test]
fn a_whole_model_is_refused_by_its_class() {
    for name in ["whole.pt", "legacy_whole.pt"] {
        let error = read(&file(name)).expect_err(name).to_string();
        assert_eq!(
            error,
            "holds a whole Python object of class torch.nn.modules.linear.Linear, not a state \
             dict; save model.state_dict()"
        );
    }
    assert!(matches!(read(&file("script.pt")), Err(PickleError::TorchScript)));
}

#[test]
fn a_call_to_the_system_is_refused() {
    for name in ["evil_p2.pt", "evil_p4.pt", "legacy_evil.pt", "evil.pkl"] {
        let error = read(&file(name)).expect_err(name).to_string();
        assert_eq!(
            error, "the file asks to call posix.system: it is not a checkpoint; refuse it",
            "{name}"
        );
    }
    assert!(!Path::new("/tmp/chartcode-was-here").exists());
}

#[test]
fn what_is_packed_or_ordered_otherwise_is_refused() {
    assert!(matches!(read(&file("deflated.pt")), Err(PickleError::Packed { .. })));
    assert!(matches!(read(&file("big.pt")), Err(PickleError::BigEndian)));
    assert!(matches!(read(&file("middle.pt")), Err(PickleError::ByteOrder { .. })));
    assert!(matches!(read(&file("plain.pkl")), Err(PickleError::NotACheckpoint)));
}
