use proptest::prelude::*;

use super::*;

/// Charts in which label l is where word l is, and in every third where word 10 + l is.
fn charts(count: u64) -> Vec<Example> {
    (0..count)
        .map(|chart| {
            let words: Vec<u64> =
                (0..20).filter(|word| (chart * 7 + word * word) % 5 == 0).collect();
            let has = |label: u64| {
                words.contains(&label) || (chart % 3 == 0 && words.contains(&(label + 10)))
            };
            let gold = (0..3).filter(|&label| has(u64::from(label))).collect();
            let vector = vec![(chart % 2) as f32, 1.0];
            Example { features: ChartFeatures { text: words, vector }, gold, outside: 0 }
        })
        .collect()
}

fn options() -> FitOptions {
    FitOptions { folds: 4, strengths: vec![0.1, 1.0], ..FitOptions::default() }
}

#[test]
fn what_words_tell_is_learnt_and_the_number_of_threads_does_not_matter() {
    let examples = charts(60);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&examples, 3, &options(), &|_| {}).unwrap())
    };
    let (one, two) = (run(1), run(2));
    assert_eq!(one.model.tensors(), two.model.tensors());
    assert_eq!(one.cross_validation.set.candidates(), two.cross_validation.set.candidates());
    let best = &one.cross_validation.trials[one.cross_validation.chosen];
    assert!(best.micro_f1 > 0.8, "{best:?}");
    assert_eq!(best.folds.len(), 4);
}

#[test]
fn labels_fitted_together_know_of_each_other() {
    // Word 0 is in every chart with label 0 and in all with label 1, which excludes label 0.
    let mut examples = charts(80);
    for (chart, example) in examples.iter_mut().enumerate() {
        let (own, other) = (chart % 2 == 0, chart % 4 == 1);
        example.features.text = [own.then_some(0), other.then_some(0), other.then_some(1)]
            .into_iter()
            .flatten()
            .collect();
        example.gold = if own {
            vec![0]
        } else if other {
            vec![1]
        } else {
            vec![]
        };
    }
    let forms = Form::suited(&examples, 2);
    assert_eq!(forms, [Form::Alone, Form::Together]);
    let run = |threads: usize| {
        let options = FitOptions { forms: vec![Form::Together], ..options() };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&examples, 2, &options, &|_| {}).unwrap())
    };
    let (one, two) = (run(1), run(2));
    assert_eq!(one.model.tensors(), two.model.tensors());
    // However weak, the ranking is right; a threshold that holds over folds needs some strength.
    let found = &one.cross_validation;
    assert!(found.trials.iter().all(|trial| trial.map > 0.99), "{:?}", found.trials);
    assert!(found.trials[found.chosen].micro_f1 > 0.99, "{:?}", found.trials);
    assert!(one.model.tensors().contains_key("set.bias"));
}

#[test]
fn what_cannot_be_fitted_is_told() {
    let few = fit(&charts(7), 3, &options(), &|_| {}).unwrap_err();
    assert!(matches!(few, FitError::TooFewCharts { charts: 7, folds: 4 }), "{few}");
    let mut same = charts(20);
    for chart in &mut same {
        chart.gold = vec![1];
    }
    let same = fit(&same, 3, &options(), &|_| {}).unwrap_err();
    assert!(matches!(same, FitError::OneClass { charts: 20 }), "{same}");
    let none = FitOptions { strengths: vec![0.0], ..options() };
    let none = fit(&charts(20), 3, &none, &|_| {}).unwrap_err();
    assert!(matches!(none, FitError::Setting { .. }), "{none}");
}

proptest! {
    #[test]
    fn average_precision_is_that_of_the_textbook(
        logits in proptest::collection::vec((-3_i8..3).prop_map(f32::from), 1..12),
        picks in proptest::collection::vec(any::<bool>(), 12),
        outside in 0_u32..3,
    ) {
        let gold: Vec<u32> =
            (0..logits.len() as u32).filter(|&label| picks[label as usize]).collect();
        let found = average_precision(&logits, &gold, outside);
        // For each gold label: the share of gold among labels up to its place.
        let above = |a: u32, b: u32| {
            let (x, y) = (logits[a as usize], logits[b as usize]);
            x > y || (x == y && a <= b)
        };
        let all = 0..logits.len() as u32;
        let precision = |&label: &u32| {
            let taken: Vec<u32> = all.clone().filter(|&other| above(other, label)).collect();
            let right = taken.iter().filter(|other| gold.contains(other)).count();
            right as f64 / taken.len() as f64
        };
        let sum: f64 = gold.iter().map(precision).sum();
        match found {
            None => prop_assert!(gold.is_empty() && outside == 0),
            Some(found) => {
                let expected = sum / (gold.len() as f64 + f64::from(outside));
                prop_assert!((found - expected).abs() < 1e-12);
            }
        }
    }
}
