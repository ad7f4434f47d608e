//! The passages of codes: of each row a list with an entry a code, each a list of `[start, end]`
//! in code points (explainable-medical-coding).

use arrow_array::Array;

use crate::chart::Span;
use crate::table::{Batch, Lists, Numbers};

/// The passages of each code of a row; nothing where the row has none, an error where they are
/// not understood.
pub(super) type Row = Result<Option<Vec<Vec<Span>>>, ()>;

/// The passages of each row. A column of another form is understood in no row that has any.
pub(super) fn of_rows(batch: &Batch, column: usize) -> Vec<Row> {
    let Ok(codes) = batch.lists(column) else {
        return vec![Err(()); batch.len()];
    };
    let levels = Levels::of(codes.items());
    let row = |row| match (codes.get(row), &levels) {
        (None, _) => Ok(None),
        (Some(range), _) if range.is_empty() => Ok(Some(Vec::new())),
        (Some(_), None) => Err(()),
        (Some(range), Some(levels)) => {
            range.map(|code| levels.spans(code)).collect::<Result<_, _>>().map(Some)
        }
    };
    (0..batch.len()).map(row).collect()
}

/// Lists of pairs, one a code.
struct Levels {
    codes: Lists,
    pairs: Lists,
    offsets: Vec<Option<f64>>,
}

impl Levels {
    fn of(items: &dyn Array) -> Option<Self> {
        let codes = Lists::of(items)?;
        let pairs = Lists::of(codes.items())?;
        let numbers = Numbers::of(pairs.items())?;
        let offsets = (0..pairs.items().len()).map(|item| numbers.get(item)).collect();
        Some(Self { codes, pairs, offsets })
    }

    fn spans(&self, code: usize) -> Result<Vec<Span>, ()> {
        self.codes.get(code).unwrap_or(0..0).map(|pair| self.span(pair)).collect()
    }

    fn span(&self, pair: usize) -> Result<Span, ()> {
        let [start, end] = self.offsets[self.pairs.get(pair).ok_or(())?] else { return Err(()) };
        let (start, end) = (offset(start)?, offset(end)?);
        if start < end { Ok(Span { start, end }) } else { Err(()) }
    }
}

fn offset(number: Option<f64>) -> Result<usize, ()> {
    let number = number.filter(|number| number.fract() == 0.0 && (0.0..1e15).contains(number));
    // Whole and in range, so that nothing is cut off.
    #[allow(clippy::cast_sign_loss, reason = "not negative, as checked")]
    number.map(|number| number as usize).ok_or(())
}
