//! Hidden states, gradients and AdamW steps against the library's own encoder and PyTorch. The
//! golden is made by `scripts/training/make_gradients.py`.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use chartcode::Bundle;
use chartcode_train::{
    AdamW, AdamWOptions, Dropout, EncoderOptions, Error, Gradients, TrainableEncoder,
};
use serde_json::Value;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/gradients.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn windows(value: &Value) -> Vec<Vec<u32>> {
    let id = |id: &Value| u32::try_from(id.as_u64().unwrap()).unwrap();
    let window = |ids: &Value| ids.as_array().unwrap().iter().map(id).collect();
    value.as_array().unwrap().iter().map(window).collect()
}

fn bundle(family: &str) -> Bundle {
    Bundle::open(repository("tests/parity").join(family)).unwrap()
}

fn plain() -> EncoderOptions {
    EncoderOptions { dropout: 0.0, attention_dropout: 0.0, ..EncoderOptions::default() }
}

/// Half the mean over tokens of the squared sum of the weighted state.
fn loss(encoder: &TrainableEncoder, windows: &[Vec<u32>]) -> Tensor {
    let windows: Vec<&[u32]> = windows.iter().map(Vec::as_slice).collect();
    let states = encoder.forward(&windows, None).unwrap().states;
    let weights: Vec<f32> =
        (0..states.elem_count()).map(|i| (i as f64 * 0.7).cos() as f32).collect();
    let weights = Tensor::from_vec(weights, states.shape(), states.device()).unwrap();
    let sums = (states * weights).unwrap().sum(1).unwrap();
    (sums.sqr().unwrap().mean_all().unwrap() * 0.5).unwrap()
}

fn scalar(tensor: &Tensor) -> f64 {
    f64::from(tensor.to_scalar::<f32>().unwrap())
}

/// The largest difference between a tensor and its summary in the golden.
fn distance(tensor: &Tensor, summary: &Value) -> f64 {
    let flat: Vec<f64> =
        tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap();
    let (first, last) = (numbers(&summary["first"]), numbers(&summary["last"]));
    let ends = flat.iter().zip(&first).chain(flat.iter().rev().zip(last.iter().rev()));
    let ends = ends.map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
    let norm = flat.iter().map(|x| x * x).sum::<f64>().sqrt();
    ends.max((norm - number(&summary["norm"])).abs())
}

fn find<'g>(golden: &'g Value, key: &str) -> &'g Value {
    let mut found = golden.as_object().unwrap().iter().filter(|(name, _)| key.ends_with(*name));
    let (_, summary) = found.next().unwrap_or_else(|| panic!("{key} is not in the golden"));
    assert!(found.next().is_none(), "{key} is there twice");
    summary
}

#[test]
fn gradients_and_steps_equal_pytorch() {
    let golden = golden();
    for (family, expected) in golden["families"].as_object().unwrap() {
        let encoder = TrainableEncoder::from_bundle(&bundle(family), &plain()).unwrap();
        let windows = windows(&expected["windows"]);
        let options = AdamWOptions {
            epsilon: number(&golden["epsilon"]),
            weight_decay: number(&golden["weight_decay"]),
            max_norm: Some(number(&golden["max_norm"])),
            ..AdamWOptions::default()
        };
        let mut optimizer = AdamW::new(options).unwrap();
        optimizer.add(encoder.parameters(), 1.0).unwrap();
        let all = expected["gradients"].as_object().unwrap().len();
        assert_eq!(encoder.parameters().len(), all, "{family}");
        let (losses, norms) = (numbers(&expected["losses"]), numbers(&expected["norms"]));
        for step in 0..losses.len() {
            let loss = loss(&encoder, &windows);
            let off = (scalar(&loss) - losses[step]).abs() / losses[step];
            assert!(off < 2e-5, "{family}: loss of step {step} is off by {off:e}");
            let gradients = Gradients::of(&loss).unwrap();
            if step == 0 {
                for (key, var) in encoder.parameters() {
                    let gradient = gradients.get(&var).unwrap().unwrap();
                    // Gradients of the keys' biases are 0 but for rounding: all is measured by
                    // the norm over all gradients.
                    let off = distance(&gradient, find(&expected["gradients"], &key)) / norms[0];
                    assert!(off < 1e-5, "{family}: gradient of {key} is off by {off:e}");
                }
            }
            optimizer.accumulate(gradients).unwrap();
            let report = optimizer.step(number(&golden["learning_rate"])).unwrap();
            let off = (report.gradient_norm - norms[step]).abs() / norms[step];
            assert!(off < 2e-5, "{family}: norm of step {step} is off by {off:e}");
        }
        for (key, var) in encoder.parameters() {
            let off = distance(&var, find(&expected["parameters"], &key));
            assert!(off < 1e-5, "{family}: {key} is off by {off:e} after the steps");
        }
    }
}

/// The library's own encoder is judged by PyTorch in its turn.
#[test]
fn states_equal_the_librarys_encoder() {
    for family in ["bert", "roberta", "xlm-roberta", "camembert", "electra", "distilbert"] {
        let bundle = bundle(family);
        let encoder = TrainableEncoder::from_bundle(&bundle, &plain()).unwrap();
        let windows: [&[u32]; 4] = [&[2, 9, 3], &[2, 17, 30, 45, 60, 71, 3], &[5], &[2, 40, 3]];
        let expected = bundle.encoder().unwrap().forward(&windows).unwrap();
        for packed in [encoder.forward(&windows, None).unwrap(), encoder.encode(&windows).unwrap()]
        {
            assert_eq!(packed.offsets, [0, 3, 10, 11, 14]);
            let off = (packed.states - &expected).unwrap().abs().unwrap().max_all().unwrap();
            assert!(scalar(&off) < 1e-5, "{family} is off by {off}");
        }
    }
}

#[test]
fn accumulated_gradients_are_those_of_the_sum() {
    let windows = [vec![2_u32, 17, 30, 3], vec![2, 17, 9, 9, 40, 3]];
    let run = |batches: &[&[Vec<u32>]]| {
        let encoder = TrainableEncoder::from_bundle(&bundle("bert"), &plain()).unwrap();
        let mut optimizer = AdamW::new(AdamWOptions::default()).unwrap();
        optimizer.add(encoder.parameters(), 1.0).unwrap();
        let mut norm = 0.0;
        for _ in 0..2 {
            let sum = |batch: &&[Vec<u32>]| {
                let windows: Vec<&[u32]> = batch.iter().map(Vec::as_slice).collect();
                encoder.forward(&windows, None).unwrap().states.sin().unwrap().sum_all().unwrap()
            };
            for batch in batches {
                optimizer.accumulate(Gradients::of(&sum(batch)).unwrap()).unwrap();
            }
            norm = optimizer.step(1e-3).unwrap().gradient_norm;
        }
        norm
    };
    let (together, apart) = (run(&[&windows]), run(&[&windows[..1], &windows[1..]]));
    assert!((together - apart).abs() / together < 1e-5, "{together} {apart}");
}

#[test]
fn training_goes_on_from_a_saved_state_bit_by_bit() {
    let windows: [&[u32]; 2] = [&[2, 17, 30, 45, 3], &[2, 9, 3]];
    let step = |encoder: &TrainableEncoder, optimizer: &mut AdamW, dropout: &mut Dropout| {
        let states = encoder.forward(&windows, Some(dropout)).unwrap().states;
        let gradients = Gradients::of(&states.sqr().unwrap().sum_all().unwrap()).unwrap();
        optimizer.accumulate(gradients).unwrap();
        optimizer.step(1e-3).unwrap();
    };
    let encoder =
        TrainableEncoder::from_bundle(&bundle("bert"), &EncoderOptions::default()).unwrap();
    let new = |encoder: &TrainableEncoder| {
        let mut optimizer = AdamW::new(AdamWOptions::default()).unwrap();
        optimizer.add(encoder.parameters(), 1.0).unwrap();
        optimizer
    };
    let (mut optimizer, mut dropout) = (new(&encoder), Dropout::new(3));
    step(&encoder, &mut optimizer, &mut dropout);

    let state = optimizer.state().unwrap().into_iter().collect();
    let folder = tempfile::tempdir().unwrap();
    copy_bundle("bert", folder.path());
    encoder.save(folder.path().join("model.safetensors")).unwrap();
    let again = Bundle::open(folder.path());
    // The file holds the encoder alone, so the classifier is gone.
    let again = match again {
        Ok(bundle) => bundle,
        Err(error) => panic!("{error}"),
    };
    let resumed = TrainableEncoder::from_bundle(&again, &EncoderOptions::default()).unwrap();
    let mut resumed_optimizer = new(&resumed);
    resumed_optimizer.restore(&state).unwrap();
    assert_eq!(resumed_optimizer.steps(), 1);
    let mut resumed_dropout = Dropout::resume(3, dropout.passes());
    step(&encoder, &mut optimizer, &mut dropout);
    step(&resumed, &mut resumed_optimizer, &mut resumed_dropout);
    for ((key, one), (_, other)) in encoder.tensors().into_iter().zip(resumed.tensors()) {
        let [one, other] = [one, other].map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        assert_eq!(one, other, "{key}");
    }
}

fn copy_bundle(family: &str, to: &Path) {
    for entry in std::fs::read_dir(repository("tests/parity").join(family)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
    // Without the classifier, whose tensors are the trainer's of the head.
    let config = std::fs::read_to_string(to.join("config.json")).unwrap();
    let config = config.replace("BertForSequenceClassification", "BertModel");
    std::fs::write(to.join("config.json"), config).unwrap();
}

#[test]
fn frozen_tensors_have_no_gradient_and_stay() {
    let options =
        EncoderOptions { freeze_embeddings: true, freeze_layers: 1, ..EncoderOptions::default() };
    let encoder = TrainableEncoder::from_bundle(&bundle("bert"), &options).unwrap();
    let trained: Vec<String> = encoder.parameters().into_iter().map(|(key, _)| key).collect();
    assert_eq!(trained.len(), 16);
    assert!(trained.iter().all(|key| key.contains("layer.1.")));
    let all = TrainableEncoder::from_bundle(&bundle("bert"), &plain()).unwrap();
    let windows = [vec![2, 17, 30, 3], vec![2, 9, 3]];
    let whole = Gradients::of(&loss(&all, &windows)).unwrap();
    let part = Gradients::of(&loss(&encoder, &windows)).unwrap();
    for (key, var) in encoder.parameters() {
        let (_, same) = all.parameters().into_iter().find(|(other, _)| *other == key).unwrap();
        let (one, other) = (part.get(&var).unwrap().unwrap(), whole.get(&same).unwrap().unwrap());
        assert!(scalar(&(one - other).unwrap().abs().unwrap().max_all().unwrap()) < 1e-6, "{key}");
    }
}

#[test]
fn what_cannot_be_trained_is_refused_by_name() {
    for family in ["deberta-v3", "modernbert", "albert", "mpnet", "longformer", "nomic-bert", "gte"]
    {
        let error = TrainableEncoder::from_bundle(&bundle(family), &plain()).unwrap_err();
        assert!(matches!(error, Error::Family { .. }), "{family}: {error}");
        assert!(error.to_string().contains("xlm-roberta"), "{error}");
    }
    let bert = bundle("bert");
    let options = EncoderOptions { dropout: 1.0, ..plain() };
    assert!(matches!(
        TrainableEncoder::from_bundle(&bert, &options),
        Err(Error::Option { option: "dropout", .. })
    ));
    let options = EncoderOptions { freeze_layers: 3, ..plain() };
    assert!(TrainableEncoder::from_bundle(&bert, &options).is_err());
    let encoder = TrainableEncoder::from_bundle(&bert, &plain()).unwrap();
    assert!(matches!(encoder.forward(&[&[2], &[229]], None), Err(Error::Token { index: 1, .. })));
    assert!(matches!(encoder.forward(&[&[]], None), Err(Error::WindowLength { .. })));
    assert!(matches!(encoder.forward(&[], None), Err(Error::WindowLength { .. })));
    assert!(encoder.forward(&[&[2; 65]], None).is_err());
}

#[test]
fn candles_own_backward_pass_is_refused() {
    let encoder = TrainableEncoder::from_bundle(&bundle("bert"), &plain()).unwrap();
    let error = loss(&encoder, &[vec![2, 3]]).backward().unwrap_err();
    assert!(error.to_string().contains("Gradients::of"), "{error}");
}
