//! Small vector arithmetic that heads and embeddings share.

/// Mean of rows of `size` values.
pub(super) fn mean(rows: &[f32], size: usize) -> Vec<f32> {
    let mut sum = vec![0.0; size];
    for row in rows.chunks_exact(size) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let count = (rows.len() / size) as f32;
    for sum in &mut sum {
        *sum /= count;
    }
    sum
}

/// To unit length; a zero vector stays as it is.
pub(crate) fn normalise(vector: &mut [f32]) {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    for x in vector {
        *x /= norm;
    }
}

/// The maximum of each column of `rows`, a whole number of rows as wide as `maxima`.
pub(super) fn column_maxima(rows: &[f32], maxima: &mut [f32]) {
    maxima.fill(f32::NEG_INFINITY);
    for row in rows.chunks_exact(maxima.len()) {
        raise(maxima, row, 0.0);
    }
}

/// Raises each element to `other + shift` where that is higher. Written as a comparison, which
/// compiles to vector code as `f32::max` with its care for NaN does not.
pub(super) fn raise(maxima: &mut [f32], other: &[f32], shift: f32) {
    for (maximum, &value) in maxima.iter_mut().zip(other) {
        let value = value + shift;
        *maximum = if value > *maximum { value } else { *maximum };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_maxima_go_down_the_columns() {
        let rows = [1.0, 5.0, 3.0, -7.0];
        assert_eq!(mean(&rows, 2), [2.0, -1.0]);
        let mut maxima = [0.0; 2];
        column_maxima(&rows, &mut maxima);
        assert_eq!(maxima, [3.0, 5.0]);
        raise(&mut maxima, &[1.0, 4.75], 0.5);
        assert_eq!(maxima, [3.0, 5.25]);
    }

    #[test]
    fn normalising_keeps_the_direction() {
        let mut vector = [3.0, -4.0];
        normalise(&mut vector);
        assert_eq!(vector, [0.6, -0.8]);
        let mut zero = [0.0; 2];
        normalise(&mut zero);
        assert_eq!(zero, [0.0; 2]);
    }
}
