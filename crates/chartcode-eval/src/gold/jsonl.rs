//! Charts as one JSON object a line.

use std::path::Path;

use serde_json::Value;

use crate::chart::{GoldEvidence, LabelledChart, Span};
use crate::code::Code;
use crate::error::Result;
use crate::summary::DataIssue;

use super::input::{self, Lines};
use super::issues::{Issues, Source};
use super::passage::{CodePoints, Marked};
use super::system::code_of;

/// Fields: `id`, `text` (may be missing), `codes` (objects with `system` and `code`, or strings),
/// `evidence` (objects with `system`, `code`, `spans` and `quote`), `split`.
pub(super) struct Jsonl {
    lines: Lines,
    record: RecordReader,
}

impl Jsonl {
    pub(super) fn open(path: &Path, system: Option<&str>) -> Result<Self> {
        let record = RecordReader { system: system.map(str::to_owned), issues: Issues::default() };
        Ok(Self { lines: Lines::open(path)?, record })
    }
}

impl Iterator for Jsonl {
    type Item = Result<LabelledChart>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, text) = match self.lines.next() {
            Ok(line) => line?,
            Err(error) => return Some(Err(error)),
        };
        let chart = self.record.read(text);
        Some(chart.map_err(|problem| input::record(self.lines.path(), line, problem)))
    }
}

impl Source for Jsonl {
    fn issues(&self) -> Vec<DataIssue> {
        self.record.issues.list()
    }
}

struct RecordReader {
    system: Option<String>,
    issues: Issues,
}

impl RecordReader {
    fn read(&mut self, line: &str) -> Result<LabelledChart, String> {
        // The message of serde_json may quote the line.
        let value: Value = serde_json::from_str(line)
            .map_err(|error| format!("is not JSON at column {}", error.column()))?;
        let id = value.get("id").ok_or("has no field id")?;
        let id = id_of(id).ok_or("has an id that is neither a string nor an integer")?;
        let in_chart = |problem: String| format!("(chart {id}) {problem}");
        let text = string(&value, "text").map_err(in_chart)?;
        let split = string(&value, "split").map_err(in_chart)?;
        let codes = self.codes(&value).map_err(in_chart)?;
        let evidence = self.evidence(&value, &id, text).map_err(in_chart)?;
        let (text, split) = (text.map(str::to_owned), split.map(str::to_owned));
        Ok(LabelledChart { id, text, codes, evidence, split })
    }

    fn codes(&self, value: &Value) -> Result<Vec<Code>, String> {
        let codes = list(value, "codes")?.ok_or("has no field codes")?;
        let code =
            |(i, item)| self.code(item).map_err(|problem| format!("code {} {problem}", i + 1));
        codes.iter().enumerate().map(code).collect()
    }

    /// A code from a string, or from an object that may name its system.
    fn code(&self, item: &Value) -> Result<Code, &'static str> {
        let (code, system) = match item {
            Value::String(code) => (Some(code.as_str()), None),
            _ => (
                item.get("code").and_then(Value::as_str),
                match item.get("system") {
                    None | Some(Value::Null) => None,
                    Some(system) => Some(system.as_str().ok_or("has a system that is no string")?),
                },
            ),
        };
        let code = code.ok_or("is neither a string nor an object with the string code")?;
        code_of(code, system.or(self.system.as_deref()))
    }

    fn evidence(
        &mut self,
        value: &Value,
        id: &str,
        text: Option<&str>,
    ) -> Result<Vec<GoldEvidence>, String> {
        let Some(items) = list(value, "evidence")?.filter(|items| !items.is_empty()) else {
            return Ok(Vec::new());
        };
        let points = text.map(CodePoints::new);
        let mut kept = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let in_item = |problem: String| format!("evidence {} {problem}", i + 1);
            let code = self.code(item).map_err(|problem| in_item(problem.to_owned()))?;
            let spans = spans(item).map_err(in_item)?;
            let quote = item.get("quote").and_then(Value::as_str);
            let marked = Marked { code, spans, quote };
            let placed = marked.check(points.as_ref(), id, &mut self.issues);
            kept.extend(placed.map_err(in_item)?);
        }
        Ok(kept)
    }
}

/// An id, which may be a string or an integer.
pub(super) fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(id) if !id.trim().is_empty() => Some(id.clone()),
        Value::Number(id) if id.is_i64() || id.is_u64() => Some(id.to_string()),
        _ => None,
    }
}

fn string<'a>(value: &'a Value, field: &str) -> Result<Option<&'a str>, String> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("has a {field} that is no string")),
    }
}

fn list<'a>(value: &'a Value, field: &str) -> Result<Option<&'a [Value]>, String> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(_) => Err(format!("has a field {field} that is no list")),
    }
}

/// Pairs of start and end.
fn spans(item: &Value) -> Result<Vec<Span>, String> {
    let pair = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
        Some([start, end]) => {
            let point = |value: &Value| value.as_u64().and_then(|point| point.try_into().ok());
            Some(Span { start: point(start)?, end: point(end)? })
        }
        _ => None,
    };
    let items = list(item, "spans")?.ok_or("has no field spans")?;
    let spans: Option<Vec<Span>> = items.iter().map(pair).collect();
    spans.ok_or_else(|| "has a span that is no pair [start, end] of code points".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::testing::{self, Read};
    use super::super::{GoldOptions, Layout};

    fn read(bytes: &[u8]) -> Read {
        testing::read("charts.jsonl", bytes, &GoldOptions::default())
    }

    #[test]
    fn a_full_record_is_read() {
        let all = read(
            br#"{"id":"a","text":"kidney stone","split":"dev",
                 "codes":[{"system":"ICD-10-CM","code":"n200"},"0DTJ4ZZ"],
                 "evidence":[{"code":"N20.0","spans":[[7,12]],"quote":"stone"}]}"#
                .split(|&byte| byte == b'\n')
                .collect::<Vec<_>>()
                .concat()
                .as_slice(),
        );
        assert_eq!(all.layout, Layout::Jsonl);
        let chart = &all.charts[0];
        assert_eq!((chart.id.as_str(), chart.split.as_deref()), ("a", Some("dev")));
        assert_eq!(testing::codes(chart), "icd10cm:N20.0 icd10pcs:0DTJ4ZZ");
        assert_eq!((chart.evidence[0].spans[0].start, chart.evidence[0].spans[0].end), (7, 12));
        assert!(all.issues.is_empty() && all.errors.is_empty());
    }

    #[test]
    fn ids_may_be_numbers_and_texts_missing() {
        let all = read(b"\xef\xbb\xbf{\"id\": 42, \"codes\": []}\r\n\r\n{\"id\":\"b\",\"codes\":[\"I10\"],\"text\":\"\"}");
        assert_eq!(all.charts[0].id, "42");
        assert_eq!(all.charts[0].text, None);
        assert_eq!((all.charts[1].text.as_deref(), all.charts.len()), (Some(""), 2));
    }

    #[test]
    fn a_bad_line_is_named_and_the_next_ones_read() {
        let all = read(
            b"{\"id\":1,\"codes\":[\"I10\"],\"text\":\"secret\"\n{\"id\":\"caf\xe9\",\"codes\":[]}\n{\"id\":2,\"codes\":\"I10\"}\n\
            {\"id\":3}\n{\"id\":4.5,\"codes\":[]}\n{\"id\":5,\"codes\":[401.9]}\n{\"id\":6,\"codes\":[\"99213\"]}\n\
            {\"id\":7,\"text\":7,\"codes\":[]}\n[]\n{\"id\":8,\"codes\":[\"I10\"]}\n",
        );
        let expected = [
            "line 1: is not JSON at column 39",
            "line 2: is not UTF-8",
            "line 3: (chart 2) has a field codes that is no list",
            "line 4: (chart 3) has no field codes",
            "line 5: has an id that is neither",
            "line 6: (chart 5) code 1 is neither a string",
            "line 7: (chart 6) code 1 has no system",
            "line 8: (chart 7) has a text that is no string",
            "line 9: has no field id",
        ];
        assert_eq!(all.errors.len(), expected.len());
        for (error, expected) in all.errors.iter().zip(expected) {
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
        assert_eq!(all.charts[0].id, "8");
    }

    #[test]
    fn spans_outside_the_text_are_errors() {
        for (spans, problem) in [
            ("[[0,5]]", "evidence 1 span 0 to 5 ends behind the text's 4 code points"),
            ("[[3,1]]", "evidence 1 span 3 to 1 ends before it starts"),
            ("[[-1,1]]", "no pair [start, end]"),
            ("[[1]]", "no pair [start, end]"),
            ("null", "has no field spans"),
        ] {
            let line = format!(
                r#"{{"id":"a","text":"año ","codes":[],"evidence":[{{"code":"I10","spans":{spans}}}]}}"#
            );
            let all = read(line.as_bytes());
            assert!(all.errors[0].contains(problem), "{}", all.errors[0]);
        }
    }

    #[test]
    fn a_system_for_bare_codes_can_be_given() {
        let options = GoldOptions { system: Some("icd9cm".into()), ..GoldOptions::default() };
        let all = testing::read("a.ndjson", b"{\"id\":1,\"codes\":[\"4019\"]}", &options);
        assert_eq!(testing::codes(&all.charts[0]), "icd9cm:401.9");
    }

    #[test]
    fn gzip_is_read_and_its_damage_ends_the_stream() {
        let mut zipped = GzEncoder::new(Vec::new(), Compression::default());
        for id in 0..20_000 {
            writeln!(zipped, r#"{{"id":{id},"codes":["I10"],"text":"{}"}}"#, id * 7919).unwrap();
        }
        let zipped = zipped.finish().unwrap();
        let all = testing::read("a.jsonl.gz", &zipped, &GoldOptions::default());
        assert_eq!((all.charts.len(), all.errors.len()), (20_000, 0));
        let cut = testing::read("a.jsonl.gz", &zipped[..zipped.len() / 2], &GoldOptions::default());
        assert!(cut.charts.len() > 1_000 && cut.charts.len() < 20_000);
        assert_eq!(cut.errors.len(), 1);
        assert!(cut.errors[0].starts_with("cannot read"), "{}", cut.errors[0]);
    }

    #[test]
    fn an_empty_file_has_no_charts() {
        let all = read(b"");
        assert!(all.charts.is_empty() && all.errors.is_empty());
    }

    /// The counts that the data's own description gives.
    #[test]
    fn known_files_have_their_known_counts() {
        let Some(root) = testing::shared_charts() else { return };
        for (name, charts, codes, evidence, empty) in [
            ("aci/aci_dev.jsonl", 67, 140, 0, 0),
            ("cmc2007/cmc_dev.jsonl", 100, 124, 0, 0),
            ("cmc2007/cmc_train.jsonl", 600, 748, 0, 0),
            ("codiesp/codiesp_dev_en.jsonl", 250, 3_494, 0, 0),
            ("codiesp/codiesp_train_en.jsonl", 500, 7_189, 0, 0),
            ("codiesp/codiesp_dev_es.jsonl", 250, 3_494, 4_477, 2),
            ("codiesp/codiesp_train_es.jsonl", 500, 7_189, 9_181, 2),
        ] {
            let all = testing::read_path(&root.join(name), &GoldOptions::default());
            assert!(all.errors.is_empty(), "{:?}", all.errors);
            let sum = |of: fn(&crate::LabelledChart) -> usize| all.charts.iter().map(of).sum();
            let (n, passages): (usize, usize) = (sum(|c| c.codes.len()), sum(|c| c.evidence.len()));
            assert_eq!((all.charts.len(), n, passages), (charts, codes, evidence), "{name}");
            assert_eq!(all.issue("empty_span"), empty, "{name}");
        }
        let unlabelled = root.join("codiesp/codiesp_background_en.jsonl");
        let all = testing::read_path(&unlabelled, &GoldOptions::default());
        assert_eq!((all.charts.len(), all.errors.len()), (0, 2_751));
    }
}
