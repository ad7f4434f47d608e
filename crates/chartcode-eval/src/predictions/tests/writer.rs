use proptest::prelude::*;

use super::super::ScoresWriter;
use super::*;
use crate::error::{Error, Result};

fn labels(count: usize) -> Vec<Code> {
    let system = |label| if label % 3 == 0 { "icd10pcs" } else { "icd10cm" };
    (0..count).map(|label| Code::new(system(label), &format!("C{label:03}.1"))).collect()
}

fn write(path: &Path, labels: &[Code], rows: &[Vec<f32>], scale: Scale) -> Result<()> {
    let mut writer = ScoresWriter::create(path, labels, scale)?;
    for (number, row) in rows.iter().enumerate() {
        writer.push(&format!("chart {number}"), row)?;
    }
    writer.finish()
}

fn is_read_back(path: &Path, labels: &[Code], rows: &[Vec<f32>], scale: Scale) {
    let reader = open(path, &PredictionOptions::default()).unwrap();
    assert_eq!(reader.scale(), scale);
    let charts = charts(reader);
    assert_eq!(charts.len(), rows.len());
    for (number, (chart, row)) in charts.iter().zip(rows).enumerate() {
        assert_eq!(chart.id, format!("chart {number}"));
        let (found_labels, scores) = dense(chart);
        assert_eq!(**found_labels, *labels);
        assert_eq!(scores, row);
    }
}

#[test]
fn many_row_groups_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scores.parquet");
    let labels = labels(3000);
    // More than a row group's 4,194,304 scores.
    let row = |chart: usize| (0..3000).map(move |l| ((chart * 31 + l * 7) % 997) as f32 - 500.0);
    let rows: Vec<Vec<f32>> = (0..1500).map(|chart| row(chart).collect()).collect();
    write(&path, &labels, &rows, Scale::Logit).unwrap();
    is_read_back(&path, &labels, &rows, Scale::Logit);
    let groups = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        std::fs::File::open(&path).unwrap(),
    );
    assert_eq!(groups.unwrap().metadata().num_row_groups(), 2);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scores.parquet");
    let create = |labels: &[Code], scale| ScoresWriter::create(&path, labels, scale).unwrap_err();
    assert!(matches!(create(&[], Scale::Logit), Error::Request(_)));
    let twice = [code("I10"), code("I10")];
    assert_eq!(create(&twice, Scale::Logit).to_string(), "label I10 is there twice");
    assert!(matches!(create(&labels(2), Scale::Order), Error::Request(_)));
    assert!(!path.exists());
    let mut writer = ScoresWriter::create(&path, &labels(2), Scale::Probability).unwrap();
    let error = writer.push("a", &[0.5]).unwrap_err().to_string();
    assert_eq!(error, "chart \"a\" has 1 scores for 2 labels");
    let error = writer.push("a", &[0.5, f32::NAN]).unwrap_err().to_string();
    assert_eq!(error, "a score of chart \"a\" is not finite");
    writer.push("b", &[0.5, 0.25]).unwrap();
    drop(writer);
    let error = open(&path, &PredictionOptions::default()).unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error}");
    let nowhere = ScoresWriter::create(folder.path(), &labels(2), Scale::Logit).unwrap_err();
    assert!(matches!(nowhere, Error::Write { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn scores_are_read_back(
        (count, rows) in (1usize..40).prop_flat_map(|count| {
            let row = prop::collection::vec(0f32..=1.0, count);
            (Just(count), prop::collection::vec(row, 0..20))
        }),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.parquet");
        let labels = labels(count);
        write(&path, &labels, &rows, Scale::Probability).unwrap();
        is_read_back(&path, &labels, &rows, Scale::Probability);
    }
}
