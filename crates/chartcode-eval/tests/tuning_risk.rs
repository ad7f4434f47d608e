//! Acceptance keeps its promise: simulations of charts whose errors come together.

#![allow(
    clippy::unwrap_used,
    clippy::cast_sign_loss,
    reason = "helpers of tests; scores are not negative"
)]

use chartcode_eval::tune::{
    AcceptRule, CalibrationFit, Objective, Refusal, RiskOptions, TuningSet, fit_accept,
    fit_threshold,
};
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use statrs::distribution::{Beta, ContinuousCDF as _};

const LEVELS: usize = 30;
const QUANTILES: usize = 100;
const OPTIONS: RiskOptions = RiskOptions { alpha: 0.05, confidence: 0.95, replicates: 0, seed: 0 };

/// Charts with a geometric number of codes of mean 6. The share of wrong codes falls with the
/// score; within a chart errors are beta-binomial with a correlation of 1 / (1 + `kappa`).
struct Population {
    /// Chance of a wrong code, by level of score and quantile of the chart.
    wrong: Vec<[f64; QUANTILES]>,
    /// Half of the charts are the worse the longer they are.
    long_is_worse: bool,
}

struct Code {
    score: f64,
    wrong: bool,
}

impl Population {
    fn new(kappa: f64, long_is_worse: bool) -> Self {
        let level = |level: usize| {
            let mean = 0.002 + 0.6 * (1.0 - (level as f64 + 0.5) / LEVELS as f64).powf(1.7);
            let beta = Beta::new(mean * kappa, (1.0 - mean) * kappa).unwrap();
            std::array::from_fn(|q| beta.inverse_cdf((q as f64 + 0.5) / QUANTILES as f64))
        };
        Self { wrong: (0..LEVELS).map(level).collect(), long_is_worse }
    }

    fn chart(&self, rng: &mut impl Rng) -> Vec<Code> {
        let mut codes = 1;
        while rng.random::<f64>() > 1.0 / 6.0 {
            codes += 1;
        }
        let quantile = if self.long_is_worse && rng.random() {
            // The geometric distribution's own quantile, made continuous.
            1.0 - (5.0_f64 / 6.0).powf(f64::from(codes) - 1.0 + rng.random::<f64>())
        } else {
            rng.random::<f64>()
        };
        let quantile = (quantile * QUANTILES as f64) as usize;
        (0..codes)
            .map(|_| {
                let score = rng.random::<f64>();
                let chance =
                    self.wrong[(score * LEVELS as f64) as usize][quantile.min(QUANTILES - 1)];
                Code { score, wrong: rng.random::<f64>() < chance }
            })
            .collect()
    }

    fn set(&self, charts: usize, rng: &mut impl Rng) -> TuningSet {
        let mut set = TuningSet::new(1000);
        for _ in 0..charts {
            let codes = self.chart(rng);
            let listed: Vec<(u32, f32)> =
                (0..).zip(codes.iter().map(|code| logit(code.score))).collect();
            let gold: Vec<u32> =
                (0..).zip(&codes).filter(|(_, c)| !c.wrong).map(|(l, _)| l).collect();
            set.add_listed(&listed, &gold, 1).unwrap();
        }
        set
    }

    /// The true share of wrong codes above a score, as far as many charts tell it.
    fn truth(&self, rng: &mut Pcg64) -> impl Fn(f32) -> f64 + use<> {
        let mut codes: Vec<Code> = (0..200_000).flat_map(|_| self.chart(rng)).collect();
        codes.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut wrong = 0.0;
        let shares: Vec<(f32, f64)> = (1_u32..)
            .zip(codes)
            .map(|(count, code)| {
                wrong += f64::from(u8::from(code.wrong));
                (logit(code.score), wrong / f64::from(count))
            })
            .collect();
        move |cut| shares[shares.partition_point(|&(x, _)| x > cut).saturating_sub(1)].1
    }
}

fn logit(score: f64) -> f32 {
    ((score + 1e-6) / (1.0 - score + 1e-6)).ln() as f32
}

fn accept(set: &TuningSet) -> Result<AcceptRule, Refusal> {
    fit_accept(set, &CalibrationFit::None, |_| true, OPTIONS).unwrap()
}

#[test]
fn the_error_rate_is_kept_as_often_as_promised_and_a_plain_rule_breaks_it() {
    const DRAWS: u32 = 400;
    // 5 % of the draws and two and a half standard errors of their count.
    let allowed = f64::from(DRAWS) * 0.05 + 2.5 * (f64::from(DRAWS) * 0.05 * 0.95).sqrt();
    for (charts, kappa, long_is_worse) in [
        (150, 1.0, false),
        (150, 1.0, true),
        (400, 0.5, false),
        (400, 1.0, true),
        (400, 20.0, false),
    ] {
        let population = Population::new(kappa, long_is_worse);
        let mut rng = Pcg64::seed_from_u64(11);
        let truth = population.truth(&mut rng);
        let (mut broken, mut found, mut broken_plainly) = (0, 0, 0);
        for _ in 0..DRAWS {
            let set = population.set(charts, &mut rng);
            if let Ok(rule) = accept(&set) {
                found += 1;
                broken += u32::from(truth(rule.cut.logit) > 0.05);
            }
            let plain = fit_threshold(&set, &CalibrationFit::None, Objective::Precision(0.95));
            broken_plainly += u32::from(plain.is_ok_and(|fit| truth(fit.cut.logit) > 0.05));
        }
        println!(
            "{charts} charts, kappa {kappa}, long is worse {long_is_worse}: broken {broken}, found {found}, plain rule broken {broken_plainly} of {DRAWS}"
        );
        assert!(f64::from(broken) <= allowed, "{broken}");
        assert!(f64::from(broken_plainly) > 4.0 * allowed, "{broken_plainly}");
        // Not kept by never accepting anything.
        assert!(found > DRAWS / 4, "{found}");
    }
}

#[test]
fn more_charts_let_more_be_accepted() {
    let population = Population::new(4.0, false);
    let share = |charts: usize| {
        let mut rng = Pcg64::seed_from_u64(5);
        let rule = accept(&population.set(charts, &mut rng)).unwrap();
        rule.share_of_suggested.value.unwrap()
    };
    let (few, many) = (share(300), share(6000));
    assert!(few < many && many > 0.3, "{few} {many}");
}

#[test]
fn a_rule_says_what_it_would_do() {
    let set = Population::new(4.0, false).set(1500, &mut Pcg64::seed_from_u64(9));
    let options = RiskOptions { replicates: 200, ..OPTIONS };
    let suggests = |code: &chartcode_eval::tune::Candidate| code.logit > -1.0;
    let rule = fit_accept(&set, &CalibrationFit::None, suggests, options).unwrap().unwrap();
    let above = |cut: f32| set.candidates().iter().filter(move |code| code.logit > cut);
    let accepted = above(rule.cut.logit).count();
    assert_eq!(rule.bound.codes, accepted);
    assert_eq!(rule.bound.errors, above(rule.cut.logit).filter(|code| !code.gold).count());
    assert!(rule.bound.upper <= 0.05 && rule.cut.logit >= -1.0);
    let sigmoid = 1.0 / (1.0 + f64::from(-rule.cut.logit).exp());
    assert!((rule.cut.probability - sigmoid).abs() < 0.01);
    let share = rule.share_of_suggested;
    assert_eq!(share.value, Some(accepted as f64 / above(-1.0).count() as f64));
    assert!(share.low < share.value && share.value < share.high);
    let right = accepted - rule.bound.errors;
    assert_eq!(rule.share_of_gold.value, Some(right as f64 / set.gold() as f64));
    let json = serde_json::to_value(&rule).unwrap();
    assert_eq!(json["bound"]["charts"], rule.bound.charts);
}

/// Logits that σ can tell apart.
fn rising(chart: usize) -> f32 {
    chart as f32 / 16.0 - 8.0
}

/// Charts of one code each, with rising scores; `wrong` tells which are wrong.
fn single(charts: usize, logit: impl Fn(usize) -> f32, wrong: impl Fn(usize) -> bool) -> TuningSet {
    let mut set = TuningSet::new(10);
    for chart in 0..charts {
        let gold: &[u32] = if wrong(chart) { &[] } else { &[0] };
        set.add_listed(&[(0, logit(chart))], gold, 0).unwrap();
    }
    set
}

#[test]
fn too_few_charts_are_refused_with_the_number_needed() {
    let too_few = |set: &TuningSet| match accept(set).unwrap_err() {
        Refusal::TooFewCharts { needed, have, .. } => (needed, have),
        other => panic!("{other}"),
    };
    assert_eq!(too_few(&TuningSet::new(9)), (59, 0));
    assert_eq!(too_few(&single(58, rising, |_| false)), (59, 58));
    assert_eq!(accept(&single(59, rising, |_| false)).unwrap().bound.codes, 59);
    let mut one_chart = TuningSet::new(1000);
    let scores: Vec<f32> = (0..1000).map(rising).collect();
    one_chart.add(&scores, &(0..1000).collect::<Vec<_>>(), 0).unwrap();
    assert_eq!(too_few(&one_chart), (59, 1));
}

#[test]
fn wrong_codes_at_the_top_are_refused_with_the_bound() {
    let set = single(200, rising, |chart| chart % 3 == 0);
    let refusal = accept(&set).unwrap_err();
    let Refusal::NoThreshold { set: charts, needed, first, best, .. } = &refusal else { panic!() };
    assert_eq!((*charts, *needed), (200, 59));
    assert_eq!((first.codes, first.charts), (59, 59));
    assert!(best.upper <= first.upper && best.upper > 0.3);
    assert!(refusal.to_string().contains("with 200 charts the bound"));
    // Codes of one score cannot be parted.
    let tied = single(200, |_| 1.0, |chart| chart < 40);
    let Refusal::NoThreshold { first, .. } = accept(&tied).unwrap_err() else { panic!() };
    assert_eq!((first.codes, first.errors), (200, 40));
    assert_eq!(accept(&single(200, |_| 1.0, |_| false)).unwrap().bound.codes, 200);
}

#[test]
fn impossible_requests_are_refused() {
    let set = single(100, rising, |_| false);
    for (alpha, confidence) in
        [(0.0, 0.95), (1.0, 0.95), (f64::NAN, 0.95), (0.05, 1.0), (0.05, 0.5)]
    {
        let options = RiskOptions { alpha, confidence, ..OPTIONS };
        assert!(fit_accept(&set, &CalibrationFit::None, |_| true, options).is_err());
    }
}
