//! Figures as people read them: shares in percent, counts with separators, – for the undefined.

use crate::metric::Estimate;

/// What is shown for a figure that is not defined.
pub(super) const UNDEFINED: &str = "–";

/// A share in percent without the sign: `58.5`. Small shares, and those just below 100, get the
/// digits that tell them from 0 and 100.
pub(super) fn percent(share: Option<f64>) -> String {
    let Some(x) = finite(share).map(|x| 100.0 * x) else {
        return UNDEFINED.to_owned();
    };
    match x.abs() {
        0.0 => "0.0".to_owned(),
        a if a < 0.005 => "<0.01".to_owned(),
        a if (99.995..100.0).contains(&a) => ">99.99".to_owned(),
        a if a >= 1e5 => format!("{x:.0e}"),
        a if a < 0.95 || (99.95..100.0).contains(&a) => format!("{x:.2}"),
        _ => format!("{x:.1}"),
    }
}

/// A share in percent, whole where that says enough: `58 %`.
pub(super) fn share(share: Option<f64>) -> String {
    let Some(x) = finite(share).map(|x| 100.0 * x) else {
        return UNDEFINED.to_owned();
    };
    let whole = x.round();
    let plain = (x == whole && x.abs() < 1e5) || (9.5..=99.0).contains(&x);
    let figure = if plain { format!("{whole:.0}") } else { percent(share) };
    format!("{figure}\u{202f}%")
}

/// The 95 % interval of a share in percent: `57.1–59.8`.
pub(super) fn interval(estimate: Estimate) -> Option<String> {
    let (low, high) = bounds(estimate)?;
    Some(format!("{}–{}", percent(Some(low)), percent(Some(high))))
}

/// The ends of an interval, where both are numbers.
pub(super) fn bounds(estimate: Estimate) -> Option<(f64, f64)> {
    Some((finite(estimate.low)?, finite(estimate.high)?))
}

/// The value, where it is a number.
pub(super) fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|x| x.is_finite())
}

/// Whether a figure can be a share at all.
pub(super) fn is_share(x: f64) -> bool {
    (0.0..=1.0).contains(&x)
}

/// A figure that is no share: `9.1`.
pub(super) fn decimal(value: Option<f64>) -> String {
    match finite(value) {
        None => UNDEFINED.to_owned(),
        Some(x) if x.abs() >= 1e15 => format!("{x:.0e}"),
        Some(x) if x.abs() >= 1000.0 => {
            let sign = if x < 0.0 { "-" } else { "" };
            format!("{sign}{}", grouped(&format!("{:.0}", x.abs())))
        }
        Some(x) if x != 0.0 && x.abs() < 0.095 => format!("{x:.3}"),
        Some(x) => format!("{x:.1}"),
    }
}

/// A probability: `0.213`, `0.5`.
pub(super) fn probability(value: Option<f64>) -> String {
    let Some(x) = finite(value) else {
        return UNDEFINED.to_owned();
    };
    let text = format!("{x:.3}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "0" && x > 0.0 { format!("{x:.0e}") } else { short.to_owned() }
}

/// A count with separators: `1,234,567`.
pub(super) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count of things in memory, with separators.
pub(super) fn number(n: usize) -> String {
    count(n as u64)
}

/// A count with its noun, in the plural where it is not one: `1 chart`, `2,000 charts`.
pub(super) fn plural(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", number(n), if n == 1 { "" } else { "s" })
}

/// A count in at most four characters: `950`, `1.2k`, `12k`, `7M`.
pub(super) fn compact(n: u64) -> String {
    let (unit, suffix) = match n {
        0..1_000 => return n.to_string(),
        1_000..999_500 => (1e3, "k"),
        999_500..999_500_000 => (1e6, "M"),
        999_500_000..999_500_000_000 => (1e9, "G"),
        999_500_000_000..999_500_000_000_000 => (1e12, "T"),
        _ => return format!("{:.0e}", n as f64),
    };
    let x = n as f64 / unit;
    if x < 9.95 { format!("{x:.1}{suffix}") } else { format!("{x:.0}{suffix}") }
}

/// A share as a frequency that people grasp: `42 of 100`, `4 of 1,000`.
pub(super) fn out_of(share: f64) -> String {
    let base = [100_u32, 1_000, 10_000, 100_000]
        .into_iter()
        .find(|&base| {
            let hits = (share * f64::from(base)).round();
            share <= 0.0 || share >= 1.0 || (hits >= 1.0 && hits < f64::from(base))
        })
        .unwrap_or(1_000_000);
    let hits = (share * f64::from(base)).round().max(0.0);
    format!("{} of {}", grouped(&format!("{hits:.0}")), count(base.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_keep_the_digits_that_matter() {
        for (value, text) in [
            (0.585, "58.5"),
            (1.0, "100.0"),
            (0.9997, "99.97"),
            (0.999_999, ">99.99"),
            (0.0, "0.0"),
            (0.0004, "0.04"),
            (0.000_004, "<0.01"),
            (f64::NAN, "–"),
            (1e300, "1e302"),
        ] {
            assert_eq!(percent(Some(value)), text);
        }
        assert_eq!(percent(None), "–");
        assert_eq!(share(Some(0.95)), "95\u{202f}%");
        assert_eq!(share(Some(0.994)), "99.4\u{202f}%");
        assert_eq!(share(Some(0.034)), "3.4\u{202f}%");
        assert_eq!(share(Some(0.0)), "0\u{202f}%");
    }

    #[test]
    fn intervals_need_both_ends() {
        let mut estimate = Estimate { value: Some(0.5), low: Some(0.4), high: Some(0.61) };
        assert_eq!(interval(estimate).as_deref(), Some("40.0–61.0"));
        estimate.high = Some(f64::INFINITY);
        assert_eq!(interval(estimate), None);
    }

    #[test]
    fn counts_are_grouped_and_compacted() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(plural(1, "chart"), "1 chart");
        assert_eq!(plural(0, "chart"), "0 charts");
        for (n, text) in [
            (999, "999"),
            (1_240, "1.2k"),
            (9_960, "10k"),
            (999_499, "999k"),
            (999_500, "1.0M"),
            (7_200_000, "7.2M"),
            (u64::MAX, "2e19"),
        ] {
            assert_eq!(compact(n), text);
        }
    }

    #[test]
    fn frequencies_neither_round_to_none_nor_to_all() {
        for (value, text) in [
            (0.42, "42 of 100"),
            (0.0, "0 of 100"),
            (1.0, "100 of 100"),
            (0.004, "4 of 1,000"),
            (0.9971, "997 of 1,000"),
            (0.000_02, "2 of 100,000"),
        ] {
            assert_eq!(out_of(value), text);
        }
    }

    #[test]
    fn probabilities_and_rates() {
        assert_eq!(probability(Some(0.213)), "0.213");
        assert_eq!(probability(Some(0.5)), "0.5");
        assert_eq!(probability(Some(0.0)), "0");
        assert_eq!(probability(Some(1e-9)), "1e-9");
        assert_eq!(decimal(Some(9.14)), "9.1");
        assert_eq!(decimal(Some(0.0123)), "0.012");
        assert_eq!(decimal(Some(-123_456.7)), "-123,457");
        assert_eq!(decimal(Some(f64::NEG_INFINITY)), "–");
    }
}
