//! What the first token of a window takes from each of the others in one layer.

use candle_core::{Result, Tensor};

/// Where 1 − α is less than this, next to nothing is left of the first token's attention.
const LEAST_REST: f32 = 1e-6;

/// The first token's attention and what it attends to.
#[derive(Debug)]
pub(in super::super) struct FirstToken {
    /// `[heads, keys]`, row-major; keys that the token does not see come last and are left out.
    weights: Vec<f32>,
    /// `[heads, keys, d]`, row-major.
    values: Vec<f32>,
    heads: usize,
    keys: usize,
    size: usize,
}

impl FirstToken {
    /// From attention `[heads, 1, keys]` and values `[heads, keys, d]`.
    pub(super) fn new(weights: &Tensor, values: &Tensor) -> Result<Self> {
        let (heads, keys, size) = values.dims3()?;
        Ok(Self {
            weights: weights.flatten_all()?.to_vec1()?,
            values: values.flatten_all()?.to_vec1()?,
            heads,
            keys,
            size,
        })
    }

    /// The share of attention that each of `length` tokens has, the mean over the heads.
    pub(in super::super) fn attention(&self, length: usize) -> Vec<f32> {
        (0..length).map(|key| self.mean_weight(key)).collect()
    }

    fn mean_weight(&self, key: usize) -> f32 {
        if key >= self.keys {
            return 0.0;
        }
        let of_head = |head: usize| self.weights[head * self.keys + key];
        (0..self.heads).map(of_head).sum::<f32>() / self.heads as f32
    }

    /// The first token's context as it would be if it could not attend to a token, for each of
    /// `length` tokens a row: `[length, H]`.
    pub(in super::super) fn without_each(&self, length: usize) -> Vec<f32> {
        let width = self.heads * self.size;
        let mut rows = vec![0.0; length * width];
        for head in 0..self.heads {
            let context = self.context(head);
            for (key, row) in rows.chunks_exact_mut(width).enumerate() {
                let out = &mut row[head * self.size..(head + 1) * self.size];
                let (weight, value) = self.part(head, key);
                // Softmax over the others is softmax over all, less the one, to a sum of 1 again.
                let rest = (1.0 - weight).max(LEAST_REST);
                for (at, (out, context)) in out.iter_mut().zip(&context).enumerate() {
                    let own = value.get(at).map_or(0.0, |value| weight * value);
                    *out = (context - own) / rest;
                }
            }
        }
        rows
    }

    /// A key's weight and value; nothing for one that is not seen.
    fn part(&self, head: usize, key: usize) -> (f32, &[f32]) {
        if key >= self.keys {
            return (0.0, &[]);
        }
        let at = head * self.keys + key;
        (self.weights[at], &self.values[at * self.size..(at + 1) * self.size])
    }

    /// One head's context as it is.
    fn context(&self, head: usize) -> Vec<f32> {
        let mut context = vec![0.0; self.size];
        for key in 0..self.keys {
            let (weight, value) = self.part(head, key);
            context.iter_mut().zip(value).for_each(|(sum, value)| *sum += weight * value);
        }
        context
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// One head, two keys seen of three tokens.
    #[test]
    fn the_rest_shares_what_a_token_had() {
        let weights = Tensor::from_vec(vec![0.25_f32, 0.75], (1, 1, 2), &Device::Cpu).unwrap();
        let values =
            Tensor::from_vec(vec![1.0_f32, 2.0, 5.0, 6.0], (1, 2, 2), &Device::Cpu).unwrap();
        let first = FirstToken::new(&weights, &values).unwrap();
        assert_eq!(first.attention(3), [0.25, 0.75, 0.0]);
        assert_eq!(first.without_each(3), [5.0, 6.0, 1.0, 2.0, 4.0, 5.0]);
    }
}
