//! The adapted encoder as a bundle.

use std::collections::BTreeMap;

use candle_core::Tensor;
use chartcode::{Bundle, DataSource, Trained};

use super::task::Terms;
use super::{ContrastiveFiles, ContrastiveOptions, ContrastiveSummary};
use crate::error::{Error, Result};
use crate::write::{by_name, data_sources, tensor};

/// Where the projection lies, if there is one.
const PROJECTION: &str = "projection.safetensors";

pub(super) fn bundle(
    from: &Bundle,
    task: &Terms,
    files: &ContrastiveFiles,
    options: &ContrastiveOptions,
    summary: &ContrastiveSummary,
) -> Result<()> {
    let tensors = task.encoder.tensors().into_iter().map(|(key, value)| tensor(key, &value));
    let mut trained = Trained::of(from, &files.id, tensors.collect::<Result<_>>()?);
    trained.description = format!("{} adapted to pairs of code and term", from.manifest().id);
    let names: Vec<String> = files.pairs.iter().map(|file| by_name(&file.path)).collect();
    trained.data = data_sources(&names, "contrastive adaptation", files.data_note.as_deref());
    trained.card = card(from, (&files.id, &trained.data), task, options, summary);
    if let Some(projection) = &task.projection {
        let tensors = [
            ("projection.weight", projection.weight.as_tensor()),
            ("projection.bias", projection.bias.as_tensor()),
        ];
        trained.files = BTreeMap::from([(PROJECTION.to_owned(), serialised(tensors)?)]);
    }
    Ok(from.write_trained(&summary.bundle, &trained)?)
}

fn serialised(tensors: [(&str, &Tensor); 2]) -> Result<Vec<u8>> {
    safetensors::serialize(tensors, None)
        .map_err(|source| Error::Serialise { path: PROJECTION.into(), source })
}

fn card(
    from: &Bundle,
    (id, data): (&str, &[DataSource]),
    task: &Terms,
    options: &ContrastiveOptions,
    summary: &ContrastiveSummary,
) -> String {
    let kinds: Vec<String> =
        task.set.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let projection = match options.projection {
        Some(width) => format!(
            "\nA linear projection to {width} dimensions was trained with it; it is in \
             `{PROJECTION}` and takes no part in the bundle's own vectors.\n"
        ),
        None => String::new(),
    };
    let figures: Vec<String> =
        summary.dev.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    format!(
        "# {id}\n\n{from} {version}, its encoder adapted with chartcode {engine} so that terms of \
         one code lie close together (InfoNCE, temperature {temperature}, {batch} codes a batch, \
         {hard} hard negatives a code from its siblings). It has no head: it embeds charts and codes \
         none.\n{projection}\n\
         - pairs: {pairs} of {codes} codes, of which {positives} have two texts or more ({kinds}, \
         held-out ones included)\n- texts cut off at the longest window: {cut}\n\
         - steps: {steps}, the weights of step {best} kept\n\
         - held-out texts: {held}, each among the titles of all codes with one: {figures}\n\n\
         ## Data\n\n{data}",
        id = id,
        from = from.manifest().id,
        version = from.manifest().version,
        engine = env!("CARGO_PKG_VERSION"),
        temperature = options.temperature,
        batch = options.batch,
        hard = options.hard_negatives,
        pairs = summary.pairs,
        codes = summary.codes,
        positives = summary.codes_with_positives,
        kinds = kinds.join(", "),
        cut = summary.cut_texts,
        steps = summary.steps,
        best = summary.best_step,
        held = summary.held_out,
        figures = figures.join(", "),
        data = crate::write::data_section(from, data),
    )
}
