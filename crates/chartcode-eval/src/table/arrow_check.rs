//! Whether what an Arrow file says of its own places can be true.
//!
//! The reader of `arrow-ipc` trusts offsets and lengths: a damaged one would end the program, by a
//! slice out of bounds or by a request for terabytes. They are looked through first, which reads
//! none of the data.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use arrow_ipc::reader::read_footer_length;
use arrow_ipc::{Message, RecordBatch, root_as_footer, root_as_message};
use arrow_schema::ArrowError;

use super::arrow_layout::Layout;

type Checked<T> = Result<T, ArrowError>;

/// No codec packs tighter: zstd repeats a block of 128 KiB in 4 bytes.
const TIGHTEST: i64 = 1 << 15;
const MARKER: [u8; 4] = [0xff; 4];

/// Checks all batches of a file.
pub(super) fn check_file(file: &mut File) -> Checked<()> {
    let length = file.metadata()?.len();
    let mut end = [0; 10];
    file.seek(SeekFrom::End(-10))?;
    file.read_exact(&mut end)?;
    let footer_length = read_footer_length(end)? as u64;
    let start = length.checked_sub(10 + footer_length).ok_or_else(|| bad("footer"))?;
    let footer = read(file, start, footer_length)?;
    let footer = root_as_footer(&footer).map_err(|_| bad("footer"))?;
    let layout = footer.schema().map(Layout::of).unwrap_or_default();
    let blocks = [footer.dictionaries(), footer.recordBatches()].into_iter().flatten();
    for block in blocks.flatten() {
        let (at, metadata, body) = (
            place(block.offset())?,
            place(i64::from(block.metaDataLength()))?,
            place(block.bodyLength())?,
        );
        let body_at = at.checked_add(metadata).ok_or_else(|| bad("batch"))?;
        if body_at.checked_add(body).is_none_or(|end| end > length) {
            return Err(bad("batch"));
        }
        let metadata = read(file, at, metadata)?;
        let prefix = if metadata.starts_with(&MARKER) { 8 } else { 4 };
        let message = metadata.get(prefix..).and_then(|message| root_as_message(message).ok());
        let message = message.ok_or_else(|| bad("batch"))?;
        check_message(file, &message, &layout, (body_at, body))?;
    }
    Ok(())
}

/// Checks all batches of a stream up to its end, or to where it was cut off.
pub(super) fn check_stream(file: &mut File) -> Checked<()> {
    let length = file.metadata()?.len();
    let mut at = 0;
    let mut layout = Layout::default();
    while at + 8 <= length {
        let head = read(file, at, 8)?;
        let [a, b, c, d, e, f, g, h] = *head.as_slice() else { return Err(bad("message")) };
        let (prefix, size) = match [a, b, c, d] {
            MARKER => (8, [e, f, g, h]),
            size => (4, size),
        };
        let size = place(i64::from(i32::from_le_bytes(size)))?;
        if size == 0 {
            return Ok(());
        }
        let body_at = at + prefix + size;
        if body_at > length {
            return Err(bad("message"));
        }
        let message = read(file, at + prefix, size)?;
        let message = root_as_message(&message).map_err(|_| bad("message"))?;
        let body = place(message.bodyLength())?;
        at = body_at.checked_add(body).filter(|&end| end <= length).ok_or_else(|| bad("batch"))?;
        if let Some(schema) = message.header_as_schema() {
            layout = Layout::of(schema);
        }
        check_message(file, &message, &layout, (body_at, body))?;
    }
    Ok(())
}

/// Checks a message whose body begins at `at` and has so many bytes.
fn check_message(
    file: &mut File,
    message: &Message<'_>,
    layout: &Layout,
    (at, body): (u64, u64),
) -> Checked<()> {
    let (batch, widths) = match message.header_as_dictionary_batch() {
        Some(dictionary) => {
            let widths = layout.dictionaries.get(&dictionary.id()).map(Vec::as_slice);
            (dictionary.data(), widths.unwrap_or_default())
        }
        None => (message.header_as_record_batch(), layout.columns.as_slice()),
    };
    match batch {
        Some(batch) => check_batch(file, &batch, widths, (at, body)),
        None => Ok(()),
    }
}

fn check_batch(
    file: &mut File,
    batch: &RecordBatch<'_>,
    widths: &[u64],
    (at, body): (u64, u64),
) -> Checked<()> {
    place(batch.length())?;
    for node in batch.nodes().into_iter().flatten() {
        if place(node.null_count())? > place(node.length())? {
            return Err(bad("column"));
        }
    }
    let widths = widths.iter().copied().chain(std::iter::repeat(1));
    for (buffer, width) in batch.buffers().into_iter().flatten().zip(widths) {
        let (offset, length) = (place(buffer.offset())?, place(buffer.length())?);
        if offset % 8 != 0 || offset.checked_add(length).is_none_or(|end| end > body) {
            return Err(bad("column"));
        }
        let unpacked = if batch.compression().is_some() && length > 0 {
            check_packed(file, at + offset, buffer.length())?
        } else {
            length
        };
        if unpacked % width != 0 {
            return Err(bad("column"));
        }
    }
    Ok(())
}

/// The length of a packed buffer when it is unpacked. It begins with it; -1 says that it is not
/// packed.
fn check_packed(file: &mut File, at: u64, length: i64) -> Checked<u64> {
    let packed = length - 8;
    let unpacked = read(file, at, 8)?.try_into().map(i64::from_le_bytes);
    match unpacked {
        Ok(-1) if packed >= 0 => place(packed),
        Ok(unpacked) if packed >= 0 && unpacked >= 0 && unpacked / TIGHTEST <= packed => {
            place(unpacked)
        }
        _ => Err(bad("column")),
    }
}

fn read(file: &mut File, at: u64, length: u64) -> Checked<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(bad("message")) }
}

fn place(number: i64) -> Checked<u64> {
    u64::try_from(number).map_err(|_| bad("place"))
}

fn bad(what: &str) -> ArrowError {
    ArrowError::IpcError(format!("a {what} lies outside of the file or is of no possible size"))
}
