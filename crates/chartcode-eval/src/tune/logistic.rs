//! Temperature scaling and Platt's sigmoid, by Newton's method.

use super::calibration::{CalibrationFit, sigmoid};
use crate::error::{Error, Result};

const STEPS: usize = 100;

/// One over the temperature that minimises the log loss (Guo et al. 2017), with Platt's targets.
pub(super) fn temperature(pairs: &[(f32, bool)]) -> Result<CalibrationFit> {
    let targets = targets(pairs)?;
    let size = rms(pairs.iter().map(|&(x, _)| f64::from(x)));
    if size == 0.0 {
        return Err(refused("temperature", "all logits are 0"));
    }
    let x: Vec<f64> = pairs.iter().map(|&(x, _)| f64::from(x) / size).collect();
    let (slope, _) = minimise(&x, &targets, false)
        .ok_or_else(|| refused("temperature", "Newton's method does not converge"))?;
    let scale = rising("temperature", slope / size)?;
    Ok(CalibrationFit::Temperature { scale })
}

/// Scale and shift of Platt (1999), by the stable iteration of Lin, Lin and Weng (2007).
pub(super) fn platt(pairs: &[(f32, bool)]) -> Result<CalibrationFit> {
    let targets = targets(pairs)?;
    let mean = pairs.iter().map(|&(x, _)| f64::from(x)).sum::<f64>() / pairs.len() as f64;
    let size = rms(pairs.iter().map(|&(x, _)| f64::from(x) - mean));
    if pairs.iter().all(|&(x, _)| x == pairs[0].0) {
        return Err(refused("platt", "all scores are equal"));
    }
    let x: Vec<f64> = pairs.iter().map(|&(x, _)| (f64::from(x) - mean) / size).collect();
    let (slope, level) = minimise(&x, &targets, true)
        .ok_or_else(|| refused("platt", "Newton's method does not converge"))?;
    let scale = rising("platt", slope / size)?;
    Ok(CalibrationFit::Platt { scale, shift: level - scale * mean })
}

/// Platt's targets: not 1 and 0, but the means after one more gold and one more other code. They
/// keep the fit finite where the scores part gold from the rest.
fn targets(pairs: &[(f32, bool)]) -> Result<Vec<f64>> {
    let gold = pairs.iter().filter(|&&(_, gold)| gold).count();
    let other = pairs.len() - gold;
    if gold == 0 || other == 0 {
        return Err(refused(
            "fit",
            &format!("{gold} of {} candidates are gold; both kinds are needed", pairs.len()),
        ));
    }
    let (high, low) = ((gold as f64 + 1.0) / (gold as f64 + 2.0), 1.0 / (other as f64 + 2.0));
    Ok(pairs.iter().map(|&(_, gold)| if gold { high } else { low }).collect())
}

fn rms(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    (values.map(|x| x * x).sum::<f64>() / count).sqrt()
}

fn rising(kind: &str, scale: f64) -> Result<f64> {
    if scale > 0.0 && scale.is_finite() {
        return Ok(scale);
    }
    Err(refused(kind, "gold codes do not score higher than others"))
}

fn refused(kind: &str, why: &str) -> Error {
    Error::Request(format!("calibration {kind}: {why}"))
}

/// Σ softplus(η) − target · η with η = slope · x + level, its gradient and its Hessian.
#[derive(Clone, Copy, Default)]
struct Loss {
    value: f64,
    gradient: [f64; 2],
    hessian: [f64; 3],
}

fn loss(x: &[f64], targets: &[f64], (slope, level): (f64, f64)) -> Loss {
    x.iter().zip(targets).fold(Loss::default(), |sum, (&x, &target)| {
        let eta = slope * x + level;
        let p = sigmoid(eta);
        let (off, bend) = (p - target, p * (1.0 - p));
        Loss {
            value: sum.value + eta.max(0.0) + (-eta.abs()).exp().ln_1p() - target * eta,
            gradient: [sum.gradient[0] + off * x, sum.gradient[1] + off],
            hessian: [
                sum.hessian[0] + bend * x * x,
                sum.hessian[1] + bend * x,
                sum.hessian[2] + bend,
            ],
        }
    })
}

/// Newton's method with halved steps where a whole one does not descend; none where it does not
/// arrive. `x` is of size one.
fn minimise(x: &[f64], targets: &[f64], with_level: bool) -> Option<(f64, f64)> {
    let mut at = (0.0, 0.0);
    let mut now = loss(x, targets, at);
    let enough = 1e-11 * x.len() as f64;
    for _ in 0..STEPS {
        let [g0, g1] = now.gradient;
        let gradient = if with_level { g0.abs().max(g1.abs()) } else { g0.abs() };
        if gradient <= enough {
            return Some(at);
        }
        let step = direction(now, with_level);
        let descent = g0 * step.0 + g1 * step.1;
        let mut size = 1.0;
        let next = loop {
            let to = (at.0 + size * step.0, at.1 + size * step.1);
            let then = loss(x, targets, to);
            if then.value <= now.value + 1e-4 * size * descent {
                break Some((to, then));
            }
            size /= 2.0;
            if size < 1e-10 {
                break None;
            }
        };
        // No descent within rounding: this is the minimum if the slope is small at all.
        let Some((to, then)) = next else {
            return (gradient <= 1e-6 * x.len() as f64).then_some(at);
        };
        (at, now) = (to, then);
    }
    None
}

/// The Newton step, the Hessian raised a little as in Lin et al. so that it can be inverted.
fn direction(loss: Loss, with_level: bool) -> (f64, f64) {
    let [g0, g1] = loss.gradient;
    let (h00, h01, h11) = (loss.hessian[0] + 1e-12, loss.hessian[1], loss.hessian[2] + 1e-12);
    if !with_level {
        return (-g0 / h00, 0.0);
    }
    let det = h00 * h11 - h01 * h01;
    (-(h11 * g0 - h01 * g1) / det, -(h00 * g1 - h01 * g0) / det)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_neighbour_of_the_fit_is_better(
            pairs in proptest::collection::vec((-80_i8..80, any::<bool>()), 2..60), size in 0.01_f32..20.0,
        ) {
            let pairs: Vec<(f32, bool)> = pairs.iter().map(|&(x, y)| (f32::from(x) * size, y)).collect();
            let Ok(targets) = targets(&pairs) else { return Ok(()) };
            let x: Vec<f64> = pairs.iter().map(|p| f64::from(p.0)).collect();
            let at = |slope, level| loss(&x, &targets, (slope, level)).value;
            if let Ok(CalibrationFit::Platt { scale, shift }) = platt(&pairs) {
                let best = at(scale, shift) - 1e-9;
                for (a, b) in [(1.01, 0.0), (0.99, 0.0), (1.0, 0.01), (1.0, -0.01)] {
                    prop_assert!(at(scale * a, shift + b) >= best);
                }
            }
            if let Ok(CalibrationFit::Temperature { scale }) = temperature(&pairs) {
                let best = at(scale, 0.0) - 1e-9;
                prop_assert!(at(scale * 1.01, 0.0) >= best && at(scale * 0.99, 0.0) >= best);
            }
        }
    }

    #[test]
    fn scores_that_part_the_kinds_have_a_finite_fit() {
        let pairs: Vec<(f32, bool)> = (-20..20_i8).map(|x| (f32::from(x) + 0.5, x >= 0)).collect();
        for fit in [platt(&pairs).unwrap(), temperature(&pairs).unwrap()] {
            assert!(
                fit.check().is_ok() && fit.probability(0.5) > 0.5 && fit.probability(-0.5) < 0.5
            );
        }
    }

    #[test]
    fn a_temperature_is_found_where_a_shift_is_missing() {
        // Far below the level that the shift would set, as where most labels are never gold.
        for size in [500_i16, 5_000] {
            let pairs: Vec<(f32, bool)> =
                (0..size).map(|i| (f32::from(i % 97) / 20.0 - 6.0, i % 97 > 90)).collect();
            let fit = temperature(&pairs).unwrap();
            assert!(matches!(fit, CalibrationFit::Temperature { scale } if scale > 0.0), "{fit:?}");
        }
    }

    #[test]
    fn degenerate_candidates_are_refused() {
        let message = |fit: Result<CalibrationFit>| fit.unwrap_err().to_string();
        assert!(message(platt(&[])).contains("0 of 0 candidates are gold"));
        assert!(message(platt(&[(1.0, false), (2.0, false)])).contains("0 of 2"));
        assert!(message(temperature(&[(1.0, true), (2.0, true)])).contains("2 of 2"));
        assert!(message(platt(&[(1.5, true), (1.5, false)])).contains("all scores are equal"));
        assert!(message(temperature(&[(0.0, true), (0.0, false)])).contains("all logits are 0"));
        let upside_down = [(3.0, false), (2.0, false), (-1.0, true), (-2.0, true)];
        assert!(message(platt(&upside_down)).contains("do not score higher"));
        assert!(message(temperature(&upside_down)).contains("do not score higher"));
    }
}
