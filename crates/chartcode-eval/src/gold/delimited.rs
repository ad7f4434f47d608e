//! Charts in CSV and TSV files.

use std::path::Path;

use crate::chart::LabelledChart;
use crate::code::Code;
use crate::error::{Error, Result};
use crate::summary::DataIssue;

use super::GoldOptions;
use super::columns::{Placed, split_codes};
use super::groups::Groups;
use super::input;
use super::issues::{Issues, Kind, Source};
use super::rows::{Row, Rows};
use super::system::code_of;

const ROW_WITHOUT_CODE: Kind =
    ("row_without_code", "rows of a chart that name no code; the chart is kept");

/// With a column of texts, a chart a row. Without one, rows of the same id are one chart, wherever
/// they stand: a row a code, or several.
pub(super) struct Delimited {
    rows: Rows,
    columns: RowReader,
    /// Where rows are gathered: the charts, and the next one to give once all rows are read.
    gathered: Option<(Groups, usize)>,
    issues: Issues,
}

impl Delimited {
    pub(super) fn open(path: &Path, options: &GoldOptions) -> Result<Self> {
        let mut rows = Rows::open(path)?;
        let header = rows.header()?;
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let placed =
            options.columns.place(&header).map_err(|problem| input::file(path, problem))?;
        let gathered = placed.text.is_none().then(|| (Groups::default(), 0));
        let columns = RowReader { placed, system: options.system.clone() };
        Ok(Self { rows, columns, gathered, issues: Issues::default() })
    }
}

impl Iterator for Delimited {
    type Item = Result<LabelledChart>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some((groups, next)) = &mut self.gathered else {
            let row = self.rows.next().transpose()?;
            return Some(row.and_then(|row| self.columns.chart(row)));
        };
        while let Some(row) = self.rows.next().transpose() {
            let codes = row.and_then(|row| self.columns.gather(row, groups));
            match codes {
                Ok(Some(id)) => self.issues.note(ROW_WITHOUT_CODE, id),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        while *next < groups.ids().len() {
            *next += 1;
            if let Some((id, codes)) = groups.get(*next - 1) {
                return Some(Ok(coded(id, codes)));
            }
        }
        None
    }
}

impl Source for Delimited {
    fn issues(&self) -> Vec<DataIssue> {
        self.issues.list()
    }
}

/// A chart of which only the codes are known.
fn coded(id: &str, codes: Vec<Code>) -> LabelledChart {
    LabelledChart { id: id.to_owned(), text: None, codes, evidence: Vec::new(), split: None }
}

struct RowReader {
    placed: Placed,
    system: Option<String>,
}

impl RowReader {
    fn chart(&self, row: Row<'_>) -> Result<LabelledChart> {
        let id = self.id(row)?;
        let text = self.placed.text.map(|index| row.field(index)).transpose()?;
        let split = self.placed.split.map(|index| row.field(index).map(str::trim)).transpose()?;
        Ok(LabelledChart {
            id: id.to_owned(),
            text: text.map(str::to_owned),
            codes: self.codes(row, id)?,
            evidence: Vec::new(),
            split: split.filter(|split| !split.is_empty()).map(str::to_owned),
        })
    }

    /// Adds a row's codes to its chart; gives the id where it has none. A chart of which a row is
    /// bad is left out, as its other rows are not all of its codes.
    fn gather<'a>(&self, row: Row<'a>, groups: &mut Groups) -> Result<Option<&'a str>> {
        let id = self.id(row)?;
        let place = groups.place(id);
        match self.codes(row, id) {
            Ok(codes) if codes.is_empty() => Ok(Some(id)),
            Ok(codes) => {
                groups.add(place, codes);
                Ok(None)
            }
            Err(error) => {
                groups.damage(place);
                Err(left_out(error))
            }
        }
    }

    fn id<'a>(&self, row: Row<'a>) -> Result<&'a str> {
        match row.field(self.placed.id)?.trim() {
            "" => Err(row.error("has no id")),
            id => Ok(id),
        }
    }

    fn codes(&self, row: Row<'_>, id: &str) -> Result<Vec<Code>> {
        let named = self.placed.system.map(|index| row.field(index)).transpose()?;
        let named = named.filter(|name| !name.trim().is_empty()).or(self.system.as_deref());
        let mut codes = Vec::new();
        for column in &self.placed.codes {
            let cell = split_codes(row.field(column.index)?)
                .map_err(|problem| row.error(format!("(chart {id}) the codes {problem}")))?;
            for (i, raw) in cell.into_iter().enumerate() {
                let code = code_of(raw, column.system.or(named)).map_err(|problem| {
                    row.error(format!("(chart {id}) code {} {problem}", i + 1))
                })?;
                codes.push(code);
            }
        }
        Ok(codes)
    }
}

/// The same error, telling that the chart is lost with the row.
pub(super) fn left_out(error: Error) -> Error {
    match error {
        Error::Record { path, place, problem } => {
            Error::Record { path, place, problem: format!("{problem}; the chart is left out") }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, Read, codes};
    use super::super::{Columns, GoldOptions, Layout};

    fn read(name: &str, text: &str) -> Read {
        testing::read(name, text.as_bytes(), &GoldOptions::default())
    }

    #[test]
    fn a_row_with_text_is_a_chart() {
        let all = read(
            "a.csv",
            "\u{feff}id,text,codes,split\r\n1,\"two\r\nlines, \"\"quoted\"\"\",I10;E11.9;I10,dev\r\n1,,\"['I10']\",\r\n",
        );
        assert_eq!((all.layout, all.errors.len()), (Layout::Csv, 0));
        assert_eq!(all.charts[0].text.as_deref(), Some("two\r\nlines, \"quoted\""));
        assert_eq!(codes(&all.charts[0]), "icd10cm:I10 icd10cm:E11.9 icd10cm:I10");
        assert_eq!(all.charts[0].split.as_deref(), Some("dev"));
        assert_eq!((all.charts[1].id.as_str(), all.charts[1].text.as_deref()), ("1", Some("")));
        assert_eq!(all.charts[1].split, None);
    }

    #[test]
    fn columns_of_two_systems_are_joined() {
        let all = read(
            "a.tsv",
            "_id\ttext\ticd9_diag\ticd9_proc\ttarget\n7\ta\t\"['4019' '5849']\"\t3893\tx y z\n",
        );
        assert_eq!(codes(&all.charts[0]), "icd9cm:401.9 icd9cm:584.9 icd9pcs:38.93");
    }

    #[test]
    fn rows_without_text_are_gathered_by_id() {
        let all = read(
            "a.csv",
            "HADM_ID,icd_code,icd_version\n2,E119,10\n1,0DTJ4ZZ,10\n2,59370,9\n3,,9\n2,E119,10\n",
        );
        let ids: Vec<&str> = all.charts.iter().map(|chart| chart.id.as_str()).collect();
        assert_eq!(ids, ["2", "1", "3"]);
        assert_eq!(codes(&all.charts[0]), "icd10cm:E11.9 icd9cm:593.70 icd10cm:E11.9");
        assert_eq!(codes(&all.charts[1]), "icd10pcs:0DTJ4ZZ");
        assert!(all.charts.iter().all(|chart| chart.text.is_none()));
        assert_eq!(all.issue("row_without_code"), 1);
    }

    #[test]
    fn a_chart_with_an_unreadable_row_is_left_out() {
        let all = read("a.csv", "id,code\n1,I10\n2,I10\n1,4019\n,I10\n3,I10,I11\n");
        assert_eq!(all.charts.len(), 1);
        assert_eq!(all.charts[0].id, "2");
        let problems = [
            "line 4: (chart 1) code 1 has no system, and its spelling does not tell it; name the \
             system; the chart is left out",
            "line 5: has no id",
            "line 6: has 3 fields, the first row 2",
        ];
        assert_eq!(all.errors.len(), 3);
        for (error, problem) in all.errors.iter().zip(problems) {
            assert!(error.ends_with(problem), "{error}");
        }
    }

    #[test]
    fn names_of_columns_can_be_given() {
        let columns = Columns {
            id: Some("Case".into()),
            text: Some("body".into()),
            codes: Some("gold".into()),
            system: None,
        };
        let system = Some("opcs4".into());
        let options = GoldOptions { system, columns, ..GoldOptions::default() };
        let all = testing::read("a.csv", b"case,id,body,gold\nx,1,y,K40.1|L41\n", &options);
        assert_eq!((all.charts[0].id.as_str(), all.charts[0].text.as_deref()), ("x", Some("y")));
        assert_eq!(codes(&all.charts[0]), "opcs4:K40.1 opcs4:L41");
    }

    #[test]
    fn damage_is_named_by_line() {
        let bytes = b"id,text,codes\r\n1,\"a\r\nb\",I10\r\n2,caf\xe9,I10\r\n3,c,I10\r\n4,\"never closed,I10\r\n5,d,I10";
        let all = testing::read("a.csv", bytes, &GoldOptions::default());
        let ids: Vec<&str> = all.charts.iter().map(|chart| chart.id.as_str()).collect();
        assert_eq!(ids, ["1", "3"]);
        assert!(all.errors[0].contains("line 4: is not UTF-8"), "{}", all.errors[0]);
        let problem = "a quotation that begins in the row of line 6 never ends";
        assert!(all.errors[1].ends_with(problem), "{}", all.errors[1]);
        assert_eq!(all.errors.len(), 2);
    }

    #[test]
    fn a_file_that_is_empty_or_has_no_columns_is_refused() {
        let options = GoldOptions::default();
        let problem = testing::refusal("a.csv", b"", &options);
        assert!(problem.ends_with("is empty; a row with column names is expected"), "{problem}");
        let problem = testing::refusal("a.csv", b"id,text\n1,a secret\n", &options);
        assert!(problem.contains("columns is called codes, target"), "{problem}");
        let all = testing::read("a.csv", b"id,text,codes\n", &options);
        assert!(all.charts.is_empty() && all.errors.is_empty());
    }
}
