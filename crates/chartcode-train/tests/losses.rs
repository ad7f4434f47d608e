//! Losses, label attention and their gradients against PyTorch. The golden is made by
//! `scripts/training/make_losses.py`.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor, Var};
use chartcode_train::Gradients;
use chartcode_train::loss::{
    ContrastiveBatch, LaatTensors, binary_cross_entropy, info_nce, r_drop,
};
use chartcode_train::ops::normalise_rows;
use serde_json::Value;

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/losses.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn size(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

/// The inputs of a case as variables; a matrix has `width` columns, a vector none.
fn variables(case: &Value, width: impl Fn(&str) -> Option<usize>) -> BTreeMap<String, Var> {
    let variable = |(name, value): (&String, &Value)| {
        let values = numbers(value);
        let shape = match width(name) {
            Some(width) => vec![values.len() / width, width],
            None => vec![values.len()],
        };
        (name.clone(), Var::from_vec(values, shape, &Device::Cpu).unwrap())
    };
    case["inputs"].as_object().unwrap().iter().map(variable).collect()
}

fn assert_near(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let tolerance = 2e-6 + 2e-5 * expected.abs();
        assert!((found - expected).abs() <= tolerance, "{what}: {found} is not {expected}");
    }
}

fn check(case: &Value, loss: &Tensor, variables: &BTreeMap<String, Var>) {
    assert_near(&[loss.to_scalar().unwrap()], &[case["loss"].as_f64().unwrap() as f32], "loss");
    let gradients = Gradients::of(loss).unwrap();
    for (name, var) in variables {
        let found = gradients.get(var).unwrap().unwrap().flatten_all().unwrap();
        let expected = numbers(&case["gradients"][name]);
        assert_near(&found.to_vec1().unwrap(), &expected, name);
    }
}

#[test]
fn binary_cross_entropy_equals_pytorchs() {
    for case in golden()["binary_cross_entropy"].as_array().unwrap() {
        let variables = variables(case, |_| None);
        let targets = Tensor::new(numbers(&case["targets"]), &Device::Cpu).unwrap();
        let smoothing = case["smoothing"].as_f64().unwrap();
        let loss = binary_cross_entropy(&variables["logits"], &targets, smoothing).unwrap();
        check(case, &loss, &variables);
    }
}

#[test]
fn r_drop_equals_pytorchs_divergences() {
    let golden = golden();
    let case = &golden["r_drop"];
    let variables = variables(case, |_| None);
    let loss = r_drop(&variables["first"], &variables["second"]).unwrap();
    check(case, &loss, &variables);
}

#[test]
fn info_nce_equals_pytorchs_with_masks_and_hard_negatives() {
    for case in golden()["info_nce"].as_array().unwrap() {
        let variables = variables(case, |_| Some(size(&case["width"])));
        let unit = |name: &str| variables.get(name).map(|rows| normalise_rows(rows).unwrap());
        let (anchors, positives) = (unit("anchors").unwrap(), unit("positives").unwrap());
        let count = anchors.dim(0).unwrap();
        let columns = count + size(&case["hard"]);
        let same = Tensor::from_vec(numbers(&case["same"]), (count, columns), &Device::Cpu);
        let hard = unit("hard");
        let batch = ContrastiveBatch {
            anchors: &anchors,
            positives: &positives,
            hard: hard.as_ref(),
            same: &same.unwrap(),
        };
        let loss = info_nce(&batch, case["temperature"].as_f64().unwrap()).unwrap();
        check(case, &loss, &variables);
    }
}

#[test]
fn label_attention_equals_pytorchs() {
    let golden = golden();
    let case = &golden["laat"];
    let width = |name: &str| match name {
        "bias" => None,
        "second" => Some(size(&case["sizes"]["inner"])),
        _ => Some(size(&case["sizes"]["width"])),
    };
    let variables = variables(case, width);
    let tensor = |name: &str| variables[name].as_tensor().clone();
    let head = LaatTensors {
        first: tensor("first"),
        second: tensor("second"),
        third: tensor("third"),
        bias: tensor("bias"),
    };
    let logits = head.logits(&tensor("states")).unwrap();
    assert_near(&logits.to_vec1().unwrap(), &numbers(&case["logits"]), "logits");
    check(case, &logits.sqr().unwrap().sum_all().unwrap(), &variables);
}
