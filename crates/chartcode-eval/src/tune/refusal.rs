//! Why no threshold is safe enough to accept codes without a look.

use std::fmt;

use serde::Serialize;

use super::bound::ErrorBound;

/// Why there is no acceptance.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// Even without any error the charts could not show it.
    TooFewCharts {
        /// Charts with a suggested code that are needed, were there no error at all.
        needed: usize,
        /// Charts with a suggested code.
        have: usize,
        /// The share of wrong codes that was allowed.
        alpha: f64,
        /// The confidence asked for.
        confidence: f64,
    },
    /// The strictest threshold that can be tested failed.
    NoThreshold {
        /// Charts of the tuning set.
        set: usize,
        /// Charts with a suggested code that are needed, were there no error at all.
        needed: usize,
        /// The share of wrong codes that was allowed.
        alpha: f64,
        /// The confidence asked for.
        confidence: f64,
        /// The test at the strictest threshold.
        first: ErrorBound,
        /// The test with the lowest bound of all, for information: a test after a failed one does
        /// not count.
        best: ErrorBound,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewCharts { needed, have, alpha, confidence } => write!(
                f,
                "no code is accepted without review: {have} charts have a suggested code; to show \
                 with {} confidence that at most {} of accepted codes are wrong, at least {needed} \
                 charts without an error would be needed",
                percent(*confidence),
                percent(*alpha),
            ),
            Self::NoThreshold { set, needed, alpha, confidence, first, best } => {
                write!(
                    f,
                    "no code is accepted without review: with {set} charts the bound on the share \
                     of wrong codes is at best {} (at {} confidence; {} of {} codes in {} charts \
                     were wrong), and {} are allowed; at least {needed} charts without an error \
                     would be needed",
                    percent(best.upper),
                    percent(*confidence),
                    best.errors,
                    best.codes,
                    best.charts,
                    percent(*alpha),
                )?;
                if best.upper <= *alpha {
                    write!(
                        f,
                        "; that bound does not count, since of the {} most probable codes {} were \
                         wrong (bound {}) and testing ends at the first failure",
                        first.codes,
                        first.errors,
                        percent(first.upper),
                    )?;
                }
                Ok(())
            }
        }
    }
}

/// At most one decimal, never rounded to a limit it does not keep.
fn percent(share: f64) -> String {
    let tenths = (share * 1000.0 - 1e-9).ceil() / 10.0;
    format!("{tenths} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_tell_what_is_missing() {
        let few = Refusal::TooFewCharts { needed: 59, have: 40, alpha: 0.05, confidence: 0.95 };
        assert_eq!(
            few.to_string(),
            "no code is accepted without review: 40 charts have a suggested code; to show with \
             95 % confidence that at most 5 % of accepted codes are wrong, at least 59 charts \
             without an error would be needed"
        );
        let bound =
            |upper| ErrorBound { upper, effective: 60.0, codes: 90, errors: 12, charts: 62 };
        let none = |best| Refusal::NoThreshold {
            set: 250,
            needed: 59,
            alpha: 0.05,
            confidence: 0.95,
            first: bound(0.31),
            best: bound(best),
        };
        assert_eq!(
            none(0.308).to_string(),
            "no code is accepted without review: with 250 charts the bound on the share of wrong \
             codes is at best 30.8 % (at 95 % confidence; 12 of 90 codes in 62 charts were wrong), \
             and 5 % are allowed; at least 59 charts without an error would be needed"
        );
        assert!(none(0.04).to_string().ends_with(
            "; that bound does not count, since of the 90 most probable codes 12 were wrong \
             (bound 31 %) and testing ends at the first failure"
        ));
        assert_eq!(percent(0.050_01), "5.1 %");
    }
}
