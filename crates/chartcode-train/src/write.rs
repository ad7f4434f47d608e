//! What the bundles of all trainings have in common.

use std::path::Path;

use candle_core::Tensor;
use chartcode::{Bundle, DataSource, NOT_STATED, TrainedTensor};

use crate::error::{Result, Stage as _};

/// A tensor as a bundle takes it.
pub(crate) fn tensor(key: String, tensor: &Tensor) -> Result<TrainedTensor> {
    let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
    let values = values.stage("writing the bundle")?;
    Ok(TrainedTensor { key, shape: tensor.dims().to_vec(), values })
}

/// The last part of a path: a bundle names no folders of the machine it was made on.
pub(crate) fn by_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The data files as a manifest names them. Their licence is what the user says.
pub(crate) fn data_sources(
    names: &[String],
    used_for: &str,
    note: Option<&str>,
) -> Vec<DataSource> {
    let source = |name: &String| DataSource {
        name: name.clone(),
        used_for: used_for.to_owned(),
        licence: note.unwrap_or(NOT_STATED).to_owned(),
    };
    names.iter().map(source).collect()
}

/// The section of a card that names the data.
pub(crate) fn data_section(from: &Bundle, data: &[DataSource]) -> String {
    let old = &from.manifest().data;
    let lines: Vec<String> = old
        .iter()
        .chain(data)
        .map(|source| {
            format!("- {}: {}; licence: {}\n", source.name, source.used_for, source.licence)
        })
        .collect();
    format!(
        "{}- the encoder it was trained from: {} {}; licence: {}\n",
        lines.concat(),
        from.manifest().id,
        from.manifest().version,
        from.manifest().licence
    )
}
