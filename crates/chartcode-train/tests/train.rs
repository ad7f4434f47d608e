//! Whole trainings on the tiny bundle: loss falls, the bundle codes, an interruption changes
//! nothing, and bad input is refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use chartcode::{Bundle, Chart, Engine, HeadSpec, Options};
use chartcode_eval::GoldOptions;
use chartcode_train::{
    ChartsFile, CodesFiles, CodesOptions, CodesSummary, ContrastiveFiles, ContrastiveOptions,
    ContrastiveSummary, Error, Event, LoopOptions, PairFile, Result, train_codes,
    train_contrastive,
};
use tempfile::TempDir;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn tiny() -> Bundle {
    Bundle::open(repository("models/tiny")).unwrap()
}

fn charts(path: PathBuf) -> ChartsFile {
    ChartsFile { path, options: GoldOptions::default(), split: None, splits: None }
}

fn labelled() -> PathBuf {
    repository("tests/charts/labelled.jsonl")
}

fn training(steps: u64) -> LoopOptions {
    LoopOptions {
        steps,
        judge_every: 5,
        checkpoint_every: 2,
        patience: 99,
        learning_rate: 2e-3,
        warm_up: 2,
        ..LoopOptions::default()
    }
}

fn codes_files(output: &Path) -> CodesFiles {
    CodesFiles {
        charts: charts(labelled()),
        dev: charts(labelled()),
        labels: None,
        system: None,
        output: output.to_owned(),
        id: "trained".to_owned(),
        data_note: Some("synthetic".to_owned()),
        date: Some("2026-01-01".to_owned()),
        threads: NonZeroUsize::new(1),
    }
}

fn codes_options(steps: u64) -> CodesOptions {
    CodesOptions {
        training: training(steps),
        batch: 2,
        head_rate: 5.0,
        label_smoothing: 0.05,
        r_drop: 0.5,
        most_tokens: 200,
        ..CodesOptions::default()
    }
}

/// Events of a training, and where it is to be stopped.
#[derive(Default)]
struct Watch {
    stop_behind: Option<u64>,
    notes: Vec<String>,
    losses: Vec<f64>,
    judged: Vec<BTreeMap<String, f64>>,
}

impl Watch {
    fn stop_behind(step: u64) -> Self {
        Self { stop_behind: Some(step), ..Self::default() }
    }

    fn on(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::Note(text) => self.notes.push(text),
            Event::Judged(_, figures, _) => self.judged.push(figures),
            Event::Step(step) => {
                self.losses.push(step.loss);
                if self.stop_behind == Some(step.step) {
                    return ControlFlow::Break(());
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn codes(&mut self, files: &CodesFiles, options: &CodesOptions) -> Result<CodesSummary> {
        train_codes(&tiny(), files, options, &mut |event| self.on(event))
    }

    fn contrastive(
        &mut self,
        files: &ContrastiveFiles,
        options: &ContrastiveOptions,
    ) -> Result<ContrastiveSummary> {
        train_contrastive(&tiny(), files, options, &mut |event| self.on(event))
    }
}

/// Name and bytes of all files of a folder.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    entries.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
}

fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_one = |path: &PathBuf| path.to_string_lossy().contains("checkpoint-");
    let mut found: Vec<PathBuf> = entries.filter(is_one).collect();
    found.sort();
    found
}

fn mean(losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len() as f64
}

#[test]
fn a_coder_learns_and_its_bundle_codes_and_explains() {
    let folder = TempDir::new().unwrap();
    let mut watch = Watch::default();
    let training = LoopOptions { learning_rate: 3e-3, ..training(60) };
    // Eight charts are learnt by heart, which dropout and smoothing are there to prevent.
    let options = CodesOptions {
        training,
        batch: 8,
        dropout: 0.0,
        head_rate: 10.0,
        label_smoothing: 0.0,
        r_drop: 0.0,
        ..codes_options(60)
    };
    let summary = watch.codes(&codes_files(folder.path()), &options).unwrap();
    assert!(mean(&watch.losses[50..]) < 0.7 * mean(&watch.losses[..5]), "{:?}", watch.losses);
    assert!(summary.dev["map"] > watch.judged[0]["map"] + 0.1, "{:?}", watch.judged);
    assert_eq!((summary.charts, summary.dev_charts, summary.steps), (8, 8, 60));
    assert_eq!(summary.shared_charts, 8);
    assert!(watch.notes.iter().any(|note| note.contains("too good")), "{:?}", watch.notes);
    assert!(summary.cut_charts > 0 && watch.notes.iter().any(|note| note.contains("200 tokens")));
    let bundle = Bundle::open(&summary.bundle).unwrap();
    let manifest = bundle.manifest();
    assert_eq!(manifest.head, Some(HeadSpec::Laat));
    assert_eq!(manifest.thresholds.review, summary.threshold);
    assert_eq!(manifest.tuned.as_ref().unwrap().charts, 8);
    assert_eq!(bundle.labels().len(), summary.labels);
    let code = (0..bundle.labels().len()).find(|&label| bundle.labels().code(label) == "I10");
    assert_eq!(bundle.labels().title(code.unwrap()), "Essential (primary) hypertension");
    let card = fs::read_to_string(summary.bundle.join("README.md")).unwrap();
    assert!(card.contains("labelled.jsonl: training charts; licence: synthetic"), "{card}");
    let engine = Engine::load(&summary.bundle, Options::new()).unwrap();
    let text = fs::read_to_string(repository("tests/charts/clinic.txt")).unwrap();
    let chart = Chart::new("clinic", text).unwrap();
    let report = engine.code(&chart).unwrap();
    assert!(report.codes.iter().any(|code| !code.evidence.is_empty()), "{report:?}");
    assert!(checkpoints(folder.path()).is_empty());
    let log = fs::read_to_string(folder.path().join("train.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 60 + 13);
    assert!(!log.contains("hypertension"));
    assert!(fs::read_to_string(folder.path().join("train.svg")).unwrap().contains(">map<"));
}

#[test]
fn training_scores_are_the_engines() {
    let folder = TempDir::new().unwrap();
    let options = CodesOptions { window_tokens: Some(48), ..codes_options(10) };
    let summary = Watch::default().codes(&codes_files(folder.path()), &options).unwrap();
    // Micro-F1 at the best threshold, from the trained tensors and from the written bundle.
    let step = summary.dev["micro_f1"];
    assert!((summary.micro_f1.unwrap() - step).abs() < 1e-9, "{summary:?}");
}

#[test]
fn an_interruption_changes_nothing() {
    let (whole, parts) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let options = codes_options(9);
    let first = Watch::default().codes(&codes_files(whole.path()), &options).unwrap();
    // Behind a checkpoint, between two, and behind a look at held-out data.
    for stop in [2, 3, 5, 8] {
        let stopped = Watch::stop_behind(stop).codes(&codes_files(parts.path()), &options);
        assert!(matches!(stopped, Err(Error::Stopped { step }) if step == stop));
        assert!(checkpoints(parts.path()).len() <= 2);
    }
    // A write that was torn, and a newest checkpoint that is damaged.
    fs::create_dir(parts.path().join("checkpoint.part")).unwrap();
    let newest = checkpoints(parts.path()).pop().unwrap().join("tensors.safetensors");
    fs::write(&newest, &fs::read(&newest).unwrap()[1..]).unwrap();
    let mut watch = Watch::default();
    let second = watch.codes(&codes_files(parts.path()), &options).unwrap();
    assert!(watch.notes.iter().any(|note| note.contains("damaged")), "{:?}", watch.notes);
    assert!(second.resumed_at > 0);
    assert_eq!(content(&first.bundle), content(&second.bundle));
    let steps = |folder: &Path| {
        let log = fs::read_to_string(folder.join("train.jsonl")).unwrap();
        log.lines()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                (line["step"].clone(), line["loss"].clone(), line["dev"].clone())
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(steps(whole.path()), steps(parts.path()));
}

#[test]
fn other_settings_and_finished_trainings_are_refused() {
    let folder = TempDir::new().unwrap();
    let files = codes_files(folder.path());
    Watch::stop_behind(4).codes(&files, &codes_options(6)).unwrap_err();
    let other = CodesOptions { r_drop: 0.25, ..codes_options(6) };
    let error = Watch::default().codes(&files, &other).unwrap_err();
    assert!(error.to_string().contains("options.r_drop 0.5, this one has 0.25"), "{error}");
    Watch::default().codes(&files, &codes_options(6)).unwrap();
    let error = Watch::default().codes(&files, &codes_options(6)).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
}

#[test]
fn a_loss_that_is_no_number_ends_training() {
    let folder = TempDir::new().unwrap();
    let mut options = codes_options(30);
    options.training.learning_rate = 1e30;
    options.training.judge_every = 30;
    let error = Watch::default().codes(&codes_files(folder.path()), &options).unwrap_err();
    let is_typed = matches!(error, Error::NotFiniteLoss { .. } | Error::NotFiniteGradient { .. });
    assert!(is_typed, "{error}");
}

#[test]
fn charts_that_teach_nothing_are_refused() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let codeless = r#"{"id": "a", "text": "secret finding", "codes": []}"#;
    let strange = r#"{"id": "a", "text": "secret finding", "codes": [{"system": "icd10cm", "code": "A00.0"}]}"#;
    let list = write("labels.txt", "I10\tHypertension\nI10\n");
    let output = folder.path().join("run");
    let run = |change: &dyn Fn(&mut CodesFiles)| {
        let mut files = codes_files(&output);
        change(&mut files);
        Watch::default().codes(&files, &codes_options(4)).unwrap_err().to_string()
    };
    let codeless = write("codeless.jsonl", codeless);
    let strange = write("strange.jsonl", strange);
    for (error, expected) in [
        (run(&|files| files.charts.path = codeless.clone()), "no chart has a code"),
        (run(&|files| files.dev.path = strange.clone()), "no chart with text has a code that is"),
        (run(&|files| files.labels = Some(list.clone())), "line 2: I10 is there twice"),
        (run(&|files| files.system = Some("cpt".to_owned())), "no chart has a code of cpt"),
        (run(&|files| files.charts.path = folder.path().join("none.jsonl")), "none.jsonl"),
    ] {
        assert!(error.contains(expected) && !error.contains("secret"), "{error}");
    }
}

const PAIRS: [(&str, &[&str]); 8] = [
    ("I10", &["essential hypertension", "high blood pressure", "arterial hypertension"]),
    ("I50.2", &["systolic heart failure", "reduced ejection fraction"]),
    ("I50.3", &["diastolic heart failure", "preserved ejection fraction"]),
    ("E11.9", &["type 2 diabetes", "diabetes mellitus without complications", "t2dm"]),
    ("E11.4", &["type 2 diabetes with neuropathy", "diabetic polyneuropathy"]),
    ("J18.9", &["pneumonia", "lung infection", "chest infection"]),
    ("J44.1", &["copd exacerbation", "acute exacerbation of copd"]),
    ("N17.9", &["acute kidney injury", "acute renal failure", "aki"]),
];

fn contrastive_files(folder: &Path, output: &str) -> ContrastiveFiles {
    let path = folder.join("pairs.tsv");
    let lines = PAIRS
        .iter()
        .flat_map(|(code, texts)| texts.iter().map(move |text| format!("{code}\t{text}\n")));
    fs::write(&path, lines.collect::<String>()).unwrap();
    ContrastiveFiles {
        pairs: vec![PairFile { path, weight: 1.0 }],
        output: folder.join(output),
        id: "adapted".to_owned(),
        data_note: None,
        threads: NonZeroUsize::new(1),
    }
}

fn contrastive_options(steps: u64) -> ContrastiveOptions {
    ContrastiveOptions {
        training: training(steps),
        batch: 4,
        hard_negatives: 1,
        projection: Some(16),
        held_out: 0.3,
        ..ContrastiveOptions::default()
    }
}

#[test]
fn an_encoder_is_adapted_and_its_bundle_embeds() {
    let folder = TempDir::new().unwrap();
    let files = contrastive_files(folder.path(), "run");
    let mut watch = Watch::default();
    let summary = watch.contrastive(&files, &contrastive_options(40)).unwrap();
    assert!(mean(&watch.losses[30..]) < 0.7 * mean(&watch.losses[..5]), "{:?}", watch.losses);
    assert!(summary.dev["mrr"] >= watch.judged[0]["mrr"]);
    assert!(watch.notes.iter().any(|note| note.contains("head") && note.contains("left out")));
    assert_eq!((summary.codes, summary.held_out, summary.pairs), (8, 3, 17));
    let manifest = fs::read_to_string(summary.bundle.join("manifest.json")).unwrap();
    assert!(manifest.contains("projection.safetensors") && manifest.contains("not stated"));
    let engine = Engine::load(&summary.bundle, Options::new()).unwrap();
    let chart = Chart::new("a", "heart failure").unwrap();
    assert!(engine.embed(&chart).is_ok());
    let before = Engine::load(repository("models/tiny"), Options::new()).unwrap();
    let vector = |engine: &Engine| format!("{:?}", engine.embed(&chart).unwrap().chart);
    assert_ne!(vector(&engine), vector(&before));
}

#[test]
fn an_interrupted_adaptation_ends_as_a_whole_one() {
    let folder = TempDir::new().unwrap();
    let (whole, parts) =
        (contrastive_files(folder.path(), "whole"), contrastive_files(folder.path(), "parts"));
    let options = contrastive_options(7);
    let first = Watch::default().contrastive(&whole, &options).unwrap();
    for stop in [1, 4, 6] {
        Watch::stop_behind(stop).contrastive(&parts, &options).unwrap_err();
    }
    let second = Watch::default().contrastive(&parts, &options).unwrap();
    assert_eq!(content(&first.bundle), content(&second.bundle));
}

#[test]
fn pairs_that_teach_nothing_are_refused() {
    let folder = TempDir::new().unwrap();
    let files = contrastive_files(folder.path(), "run");
    fs::write(&files.pairs[0].path, "I10\tsecret\nI11\tsecret too\n").unwrap();
    let error = Watch::default().contrastive(&files, &contrastive_options(3)).unwrap_err();
    assert!(matches!(error, Error::NothingToLearn { .. }), "{error}");
    let options = ContrastiveOptions { temperature: 0.0, ..contrastive_options(3) };
    let error = Watch::default().contrastive(&files, &options).unwrap_err();
    assert!(matches!(error, Error::Option { option: "temperature", .. }), "{error}");
}
