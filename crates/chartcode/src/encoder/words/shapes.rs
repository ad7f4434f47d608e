//! What a word encoder's tensors say of its sizes.

use serde_json::{Value, json};

use super::config::WordKind;
use crate::bundle::weights::Weights;
use crate::error::{Error, Result};

/// A `config.json` for a checkpoint that holds a word encoder under the keys of its publication;
/// none where it holds something else.
///
/// # Errors
/// [`Error::Unsupported`] where LAAT's recurrent layer is not an LSTM.
pub(crate) fn synthesise(weights: &Weights) -> Result<Option<Vec<u8>>> {
    let Some(fields) = kind_fields(weights)? else {
        return Ok(None);
    };
    let Some(&[vocab_size, embedding_size]) = weights.shape(&table_key(weights)) else {
        return Ok(None);
    };
    let mut config = json!({
        "vocab_size": vocab_size,
        "embedding_size": embedding_size,
        "pad_token_id": 0,
    });
    if let (Value::Object(config), Value::Object(fields)) = (&mut config, fields) {
        config.extend(fields);
    }
    let mut text = format!("{config:#}");
    text.push('\n');
    Ok(Some(text.into_bytes()))
}

/// The key of the word vectors: `embed.weight` in caml-mimic and in
/// medical-coding-reproducibility, the only matrix below `embedding.` in LAAT's own code.
pub(super) fn table_key(weights: &Weights) -> String {
    const USUAL: &str = "embed.weight";
    let is_table = |key: &&str| {
        let is_matrix = weights.shape(key).is_some_and(|shape| shape.len() == 2);
        key.starts_with("embedding.") && is_matrix
    };
    let other = || weights.keys().into_iter().find(is_table).unwrap_or(USUAL);
    if weights.contains(USUAL) { USUAL } else { other() }.to_owned()
}

/// Layers that a recurrent encoder has weights for.
fn recurrent_layers(weights: &Weights) -> usize {
    let is_there = |layer: &usize| weights.contains(&format!("rnn.weight_hh_l{layer}"));
    (0..weights.keys().len()).take_while(is_there).count()
}

fn kind_fields(weights: &Weights) -> Result<Option<Value>> {
    if let Some(&[rows, size]) = weights.shape("rnn.weight_hh_l0") {
        if rows != 4 * size {
            return Err(Error::Unsupported {
                path: weights.path().to_owned(),
                field: "rnn",
                value: format!("{} gates a unit", rows / size.max(1)),
                supported: "an LSTM, which has 4",
            });
        }
        return Ok(Some(json!({
            "model_type": WordKind::LAAT_RNN,
            "hidden_size": 2 * size,
            "num_hidden_layers": recurrent_layers(weights),
        })));
    }
    let kernels: Vec<usize> = (0..)
        .map_while(|channel| weights.shape(&format!("convs.{channel}.0.weight"))?.get(2).copied())
        .collect();
    if let Some(&[filters, ..]) = weights.shape("convs.0.2.left.0.weight") {
        return Ok(Some(json!({
            "model_type": WordKind::MULTI_RES_CNN,
            "hidden_size": filters * kernels.len(),
            "num_filters": filters,
            "kernel_sizes": kernels,
            "attention_tanh": true,
        })));
    }
    if let Some(&[filters, _, kernel]) = weights.shape("conv.weight") {
        return Ok(Some(json!({
            "model_type": WordKind::CAML,
            "hidden_size": filters,
            "kernel_size": kernel,
        })));
    }
    Ok(None)
}
