//! Readers of the official releases.

mod lines;
mod order;
mod tabular;

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::draft::{Draft, Source};
use crate::error::{Error, Result};

/// A release has at most this many bytes; more is taken for a mistake or an attack.
pub const MOST_BYTES: u64 = 256 * 1024 * 1024;

const KNOWN: &str = "an order file of ICD-10-CM or ICD-10-PCS (icd10cm-order-2027.txt), a list of \
                     ICD-10-CM codes (icd10cm-codes-2027.txt; code, 0 or 1, title with tabs between), \
                     the tabular list of ICD-10-CM in XML";

/// Reads a file of a release; what it is, its contents tell, and its name the version where they
/// do not.
///
/// # Errors
/// [`Error::Io`], [`Error::TooLarge`], [`Error::NotUtf8`], [`Error::UnknownFile`], and where the
/// file is damaged [`Error::Line`] or [`Error::Xml`].
pub fn read(path: impl AsRef<Path>) -> Result<Draft> {
    let path = path.as_ref();
    let failed = |source| Error::Io { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > MOST_BYTES {
        return Err(Error::TooLarge { path: path.to_owned(), bytes, most: MOST_BYTES });
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let sha256 = format!("{:x}", Sha256::digest(&bytes));
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}'),
        Err(error) => {
            let offset = error.valid_up_to();
            return Err(Error::NotUtf8 { path: path.to_owned(), offset });
        }
    };
    let (what, mut draft) = if text.trim_start().starts_with('<') {
        ("tabular list", tabular::read(path, text)?)
    } else {
        order::read(path, text)?
    };
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let rows = draft.len();
    draft.sources.push(Source { file, sha256, what: what.to_owned(), rows });
    Ok(draft)
}

fn unknown(path: &Path) -> Error {
    Error::UnknownFile { path: path.to_owned(), known: KNOWN }
}
