use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tables").join(name)
}

/// All ids and notes of a file, whatever its columns' types.
fn read(path: &Path) -> Result<Vec<(Option<String>, Option<String>)>> {
    let file = TableFile::open(path)?;
    let id = id_column(file.names()).map_err(|problem| file_error(path, problem))?;
    let text = one_of(file.names(), &["text", "note"])
        .ok_or_else(|| file_error(path, "has no column of notes"))?;
    let mut rows = Vec::new();
    for batch in file.read(vec![text, id])? {
        let batch = batch?;
        let (ids, texts) = (batch.ids(id)?, batch.texts(text)?);
        rows.extend((0..batch.len()).map(|row| {
            (ids.get(row).map(std::borrow::Cow::into_owned), texts.get(row).map(str::to_owned))
        }));
    }
    Ok(rows)
}

const NAMES: [&str; 10] = [
    "gold_mimic.parquet",
    "gold_mimic_zstd.parquet",
    "gold_mimic.feather",
    "gold_mimic_zstd.feather",
    "gold_mimic_plain.feather",
    "gold_dictionary.parquet",
    "gold_dictionary.feather",
    "gold_view.parquet",
    "gold_view.feather",
    "gold_stream.arrow",
];

#[test]
fn columns_are_known_by_their_number_in_the_file_whatever_is_read() {
    let path = fixture("gold_mimic_zstd.parquet");
    let rows = read(&path).unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[1].0.as_deref(), Some("22841357"));
    assert_eq!(rows[1].1.as_deref(), Some("Follow-up: diabetes, 3 μg/kg/d."));
    let file = TableFile::open(&path).unwrap();
    let words = column(file.names(), "num_words").unwrap();
    let batches: Vec<Batch> = file.read(vec![words]).unwrap().collect::<Result<_>>().unwrap();
    // Two row groups of two rows.
    let numbers: Vec<f64> = batches
        .iter()
        .flat_map(|batch| {
            let numbers = batch.numbers(words).unwrap();
            (0..batch.len()).map(move |row| numbers.get(row).unwrap()).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(numbers, [4.0, 5.0, 3.0, 0.0]);
    let error = batches[0].texts(words).err().unwrap().to_string();
    assert!(error.ends_with("column num_words holds Int64, not strings"), "{error}");
    let error = batches[0].texts(0).err().unwrap().to_string();
    assert!(error.ends_with("column 0 is not there"), "{error}");
}

#[test]
fn a_row_group_is_given_in_small_batches_that_know_their_rows() {
    use std::sync::Arc;

    use arrow_array::{Int64Array, RecordBatch};
    use arrow_schema::{DataType, Field, Schema};
    use parquet::arrow::ArrowWriter;

    let path = tempfile::NamedTempFile::new().unwrap();
    let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
    let ids: Vec<i64> = (0..1000).collect();
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(ids))]).unwrap();
    let mut writer = ArrowWriter::try_new(path.reopen().unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let mut next = 0;
    for batch in TableFile::open(path.path()).unwrap().read(vec![0]).unwrap() {
        let batch = batch.unwrap();
        assert!(batch.len() <= 256);
        let ids = batch.ids(0).unwrap();
        for row in 0..batch.len() {
            assert_eq!(ids.get(row).unwrap(), next.to_string());
            assert_eq!(batch.place(row), format!("row {next}"));
            next += 1;
        }
    }
    assert_eq!(next, 1000);
}

#[test]
fn what_is_no_table_says_so() {
    let error = TableFile::open(&fixture("feather_v1.feather")).err().unwrap().to_string();
    assert!(error.contains("version 1") && error.contains("write_feather"), "{error}");
    let error = TableFile::open(&fixture("expected.json")).err().unwrap().to_string();
    assert!(error.ends_with("is neither Parquet nor Feather (Arrow)"), "{error}");
    let error = TableFile::open(Path::new("/nowhere")).err().unwrap();
    assert!(matches!(error, Error::Read { .. }));
}

#[test]
fn a_table_that_was_not_written_to_its_end_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("short");
    for name in NAMES {
        let bytes = fs::read(fixture(name)).unwrap();
        let whole = read(&fixture(name)).unwrap().len();
        for length in (4..bytes.len() - 1).step_by(97) {
            fs::write(&path, &bytes[..length]).unwrap();
            match read(&path) {
                Err(error) => {
                    let error = error.to_string();
                    assert!(!error.contains("diabetes"), "{error}");
                }
                // A stream has no end that could be missing, but for its last marker.
                Ok(rows) => assert!(name == "gold_stream.arrow" && rows.len() <= whole, "{name}"),
            }
        }
    }
}

/// A length of an offsets buffer that is no multiple of an offset's: each byte of the metadata in
/// turn is made so.
#[test]
fn a_length_that_is_changed_is_no_panic() {
    for name in NAMES.iter().filter(|name| !name.ends_with("parquet")) {
        let bytes = fs::read(fixture(name)).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        for at in 0..bytes.len().min(4096) {
            let mut bytes = bytes.clone();
            bytes[at] = 13;
            fs::write(file.path(), &bytes).unwrap();
            if let Ok(rows) = read(file.path()) {
                assert!(rows.len() < 1 << 20, "{name}, byte {at}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is written over an Arrow file, reading it gives rows or an error. (Damage within
    /// the pages of Parquet is for the parquet crate to find.)
    #[test]
    fn a_damaged_table_does_no_harm(
        name in proptest::sample::select(&NAMES).prop_filter("Arrow", |name| !name.ends_with("parquet")),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = fs::read(fixture(name)).unwrap();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &bytes).unwrap();
        if let Ok(rows) = read(file.path()) {
            prop_assert!(rows.len() < 1 << 20);
        }
    }
}
