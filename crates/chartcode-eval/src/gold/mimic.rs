//! MIMIC-IV as `PhysioNet` publishes it: `discharge.csv.gz` of MIMIC-IV-Note, and
//! `diagnoses_icd.csv.gz` and `procedures_icd.csv.gz` of the module `hosp`.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};

use crate::chart::LabelledChart;
use crate::error::{Error, Result};
use crate::summary::DataIssue;

use super::columns::required;
use super::delimited::left_out;
use super::groups::Interned;
use super::input;
use super::issues::{FILE_MISSING, Issues, Kind, Source};
use super::rows::{Row, Rows};
use super::system::code_of;

const CODES_WITHOUT_NOTE: Kind =
    ("codes_without_note", "admissions with codes but without a discharge note; left out");
const NOTE_WITHOUT_CODES: Kind =
    ("note_without_codes", "admissions with a discharge note but no code; kept without codes");
const UNKNOWN_VERSION: Kind =
    ("unknown_icd_version", "codes whose ICD version is neither 9 nor 10; left out");

/// A chart an admission; its id is the `hadm_id`. Its notes are joined where they stand together,
/// with a blank line between; otherwise they come as several charts with the same id. Diagnoses
/// stand before procedures, each in the order of its file.
pub(super) struct Mimic {
    rows: Rows,
    hadm_id: usize,
    text: usize,
    codes: Admissions,
    /// The first note of the next admission.
    ahead: Option<(u32, String)>,
    pending: VecDeque<Error>,
    /// Admissions that have a note.
    noted: HashSet<u32>,
    issues: Issues,
    done: bool,
}

/// Codes of all admissions: 8 bytes a code.
#[derive(Default)]
struct Admissions {
    interned: Interned,
    /// Admission and number of the code, ordered by admission once all are read.
    rows: Vec<(u32, u32)>,
    /// Admissions of which a row could not be read.
    damaged: HashSet<u32>,
}

impl Mimic {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        let notes = if path.is_dir() { needed(folder, "discharge")? } else { path.to_owned() };
        let mut codes = Admissions::default();
        let mut issues = Issues::default();
        let diagnoses = needed(folder, "diagnoses_icd")?;
        let mut pending = codes.read(&diagnoses, ["icd9cm", "icd10cm"], &mut issues)?;
        match sibling(folder, "procedures_icd") {
            Some(file) => {
                pending.extend(codes.read(&file, ["icd9pcs", "icd10pcs"], &mut issues)?);
            }
            None => issues.note(FILE_MISSING, "procedures_icd.csv.gz"),
        }
        // Stable: the order of the rows of one admission is kept.
        codes.rows.sort_by_key(|&(hadm_id, _)| hadm_id);
        let mut rows = Rows::open(&notes)?;
        let [hadm_id, text] = columns(&mut rows, ["hadm_id", "text"])?;
        let noted = HashSet::new();
        Ok(Self { rows, hadm_id, text, codes, ahead: None, pending, noted, issues, done: false })
    }

    /// The next note; none behind the last.
    fn note(&mut self) -> Result<Option<(u32, String)>> {
        if let ahead @ Some(_) = self.ahead.take() {
            return Ok(ahead);
        }
        let Some(row) = self.rows.next()? else {
            return Ok(None);
        };
        let hadm_id = admission(row, self.hadm_id)?;
        let text = row.field(self.text).map_err(|error| {
            self.codes.damaged.insert(hadm_id);
            left_out(error)
        })?;
        Ok(Some((hadm_id, text.to_owned())))
    }

    /// The next admission's notes, joined.
    fn notes(&mut self) -> Result<Option<(u32, String)>> {
        let Some((hadm_id, mut text)) = self.note()? else {
            return Ok(None);
        };
        loop {
            match self.note() {
                Ok(Some((next, more))) if next == hadm_id => {
                    text.push_str("\n\n");
                    text.push_str(&more);
                }
                Ok(ahead) => {
                    self.ahead = ahead;
                    return Ok(Some((hadm_id, text)));
                }
                Err(error) => {
                    self.pending.push_back(error);
                    return Ok(Some((hadm_id, text)));
                }
            }
        }
    }

    /// The chart of the next admission; none where its codes are not all known.
    fn chart(&mut self, hadm_id: u32, text: String) -> Option<LabelledChart> {
        let first = self.noted.insert(hadm_id);
        if self.codes.damaged.contains(&hadm_id) {
            return None;
        }
        let codes = self.codes.of(hadm_id);
        if codes.is_empty() && first {
            self.issues.note(NOTE_WITHOUT_CODES, hadm_id);
        }
        let codes = codes.iter().map(|&(_, code)| self.codes.interned.code(code)).collect();
        let (id, text) = (hadm_id.to_string(), Some(text));
        Some(LabelledChart { id, text, codes, evidence: Vec::new(), split: None })
    }

    fn count_unmatched(&mut self) {
        for admission in self.codes.rows.chunk_by(|a, b| a.0 == b.0) {
            if !self.noted.contains(&admission[0].0) {
                self.issues.note(CODES_WITHOUT_NOTE, admission[0].0);
            }
        }
    }
}

impl Iterator for Mimic {
    type Item = Result<LabelledChart>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(error) = self.pending.pop_front() {
                return Some(Err(error));
            }
            if self.done {
                return None;
            }
            match self.notes() {
                Err(error) => return Some(Err(error)),
                Ok(None) => {
                    self.done = true;
                    self.count_unmatched();
                }
                Ok(Some((hadm_id, text))) => {
                    if let Some(chart) = self.chart(hadm_id, text) {
                        return Some(Ok(chart));
                    }
                }
            }
        }
    }
}

impl Source for Mimic {
    fn issues(&self) -> Vec<DataIssue> {
        self.issues.list()
    }
}

impl Admissions {
    /// Reads a file of codes, of which those of version 9 and 10 are of these systems. Gives the
    /// rows that cannot be used.
    fn read(
        &mut self,
        file: &Path,
        systems: [&str; 2],
        issues: &mut Issues,
    ) -> Result<VecDeque<Error>> {
        let mut rows = Rows::open(file)?;
        let columns = columns(&mut rows, ["hadm_id", "icd_code", "icd_version"])?;
        let mut bad = VecDeque::new();
        loop {
            let row = rows.next();
            match row.and_then(|row| row.map(|row| self.add(row, columns, systems)).transpose()) {
                Ok(Some(None)) => {}
                Ok(Some(Some(hadm_id))) => issues.note(UNKNOWN_VERSION, hadm_id),
                Ok(None) => return Ok(bad),
                Err(error @ Error::Record { .. }) => bad.push_back(error),
                Err(error) => return Err(error),
            }
        }
    }

    /// Adds a row; gives its admission where the version is not known.
    fn add(
        &mut self,
        row: Row<'_>,
        [hadm_id, code, version]: [usize; 3],
        [nine, ten]: [&str; 2],
    ) -> Result<Option<u32>> {
        let hadm_id = admission(row, hadm_id)?;
        let system = match row.field(version)?.trim() {
            "9" => nine,
            "10" => ten,
            _ => return Ok(Some(hadm_id)),
        };
        let code = code_of(row.field(code)?, Some(system)).map_err(|problem| {
            self.damaged.insert(hadm_id);
            left_out(row.error(format!("(chart {hadm_id}) the code {problem}")))
        })?;
        self.rows.push((hadm_id, self.interned.number(code)));
        Ok(None)
    }

    fn of(&self, hadm_id: u32) -> &[(u32, u32)] {
        let start = self.rows.partition_point(|row| row.0 < hadm_id);
        let n = self.rows[start..].partition_point(|row| row.0 == hadm_id);
        &self.rows[start..start + n]
    }
}

fn admission(row: Row<'_>, column: usize) -> Result<u32> {
    row.field(column)?.trim().parse().map_err(|_| row.error("has a hadm_id that is no number"))
}

fn columns<const N: usize>(rows: &mut Rows, names: [&str; N]) -> Result<[usize; N]> {
    let header = rows.header()?;
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut found = [0; N];
    for (index, name) in found.iter_mut().zip(names) {
        *index = required(&header, None, &[name], name)
            .map_err(|problem| input::file(rows.path(), problem))?;
    }
    Ok(found)
}

/// A file of the data set, beside the folder's own or in the modules `hosp` and `note` in it or
/// beside it.
fn sibling(folder: &Path, name: &str) -> Option<PathBuf> {
    let folders = ["", "hosp", "note", "../hosp", "../note"];
    let endings = [".csv.gz", ".csv"];
    let files = folders.iter().flat_map(|place| {
        endings.iter().map(move |ending| folder.join(place).join(format!("{name}{ending}")))
    });
    files.into_iter().find(|file| file.is_file())
}

fn needed(folder: &Path, name: &str) -> Result<PathBuf> {
    sibling(folder, name).ok_or_else(|| {
        let problem = format!(
            "holds no {name}.csv.gz, nor do hosp and note in it or beside it; put it there"
        );
        input::file(folder, problem)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::Path;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::testing::{codes, read_path, write};
    use super::super::{GoldOptions, Layout, open};

    const NOTES: &str = "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text";
    const DIAGNOSES: &str = "subject_id,hadm_id,seq_num,icd_code,icd_version\n";
    const PROCEDURES: &str = "subject_id,hadm_id,seq_num,chartdate,icd_code,icd_version\n";

    fn gz(text: &str) -> Vec<u8> {
        let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
        zipped.write_all(text.as_bytes()).unwrap();
        zipped.finish().unwrap()
    }

    fn data(root: &Path) {
        let notes = format!(
            "{NOTES}\n\
             10-DS-1,10,22,DS,1,t,t,\"First, with\n\"\"quotes\"\".\"\n\
             10-DS-2,10,22,DS,2,t,t,Second.\n\
             10-DS-3,10,21,DS,3,t,t,Third.\n\
             11-DS-1,11,30,DS,1,t,t,Uncoded.\n\
             10-DS-4,10,22,DS,4,t,t,Later.\n\
             12-DS-1,12,,DS,1,t,t,secret\n\
             13-DS-1,13,40,DS,1,t,t,Damaged.\n"
        );
        write(root, "note/discharge.csv.gz", gz(&notes));
        let diagnoses = format!(
            "{DIAGNOSES}10,22,1,I10    ,10\n10,21,1,4019,9\n10,22,2,E119,10\n10,21,2,V5861,9\n\
             14,50,1,I10,10\n10,22,3,X,11\n13,40,1,,10\n"
        );
        write(root, "hosp/diagnoses_icd.csv.gz", gz(&diagnoses));
        let procedures = format!("{PROCEDURES}10,22,1,d,0DTJ4ZZ,10\n10,21,1,d,3893,9\n");
        write(root, "hosp/procedures_icd.csv", procedures);
    }

    #[test]
    fn notes_and_codes_are_joined_by_admission() {
        let folder = tempfile::tempdir().unwrap();
        data(folder.path());
        for path in ["", "note", "note/discharge.csv.gz"] {
            let all = read_path(&folder.path().join(path), &GoldOptions::default());
            assert_eq!(all.layout, Layout::MimicIv);
            let ids: Vec<&str> = all.charts.iter().map(|chart| chart.id.as_str()).collect();
            assert_eq!(ids, ["22", "21", "30", "22"]);
            let text = all.charts[0].text.as_deref();
            assert_eq!(text, Some("First, with\n\"quotes\".\n\nSecond."));
            assert_eq!(codes(&all.charts[0]), "icd10cm:I10 icd10cm:E11.9 icd10pcs:0DTJ4ZZ");
            assert_eq!(codes(&all.charts[1]), "icd9cm:401.9 icd9cm:V58.61 icd9pcs:38.93");
            assert_eq!(codes(&all.charts[3]), codes(&all.charts[0]));
            let problems = [
                "line 8: (chart 40) the code is empty; the chart is left out",
                "line 8: has a hadm_id that is no number",
            ];
            assert_eq!(all.errors.len(), 2);
            for (error, problem) in all.errors.iter().zip(problems) {
                assert!(error.ends_with(problem), "{error}");
            }
            let issues: Vec<(&str, &[String])> =
                all.issues.iter().map(|i| (i.kind.as_str(), i.examples.as_slice())).collect();
            assert_eq!(
                issues,
                [
                    ("codes_without_note", ["50".to_owned()].as_slice()),
                    ("note_without_codes", ["30".to_owned()].as_slice()),
                    ("unknown_icd_version", ["22".to_owned()].as_slice()),
                ]
            );
        }
    }

    #[test]
    fn missing_files_and_columns_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let refused = || open(folder.path(), &GoldOptions::default()).unwrap_err().to_string();
        write(folder.path(), "discharge.csv", format!("{NOTES}\n"));
        assert!(refused().contains("holds no diagnoses_icd.csv.gz"), "{}", refused());
        write(folder.path(), "diagnoses_icd.csv", "hadm_id,icd_code\n");
        assert!(refused().contains("columns is called icd_version"), "{}", refused());
        write(folder.path(), "diagnoses_icd.csv", DIAGNOSES);
        let all = read_path(folder.path(), &GoldOptions::default());
        assert_eq!(all.issue("file_missing"), 1);
    }

    #[test]
    fn a_cut_file_of_notes_ends_the_stream() {
        let folder = tempfile::tempdir().unwrap();
        data(folder.path());
        let notes: Vec<String> =
            (0..20_000).map(|id| format!("n,1,{id},DS,1,t,t,text {}", id * 7919)).collect();
        let zipped = gz(&format!("{NOTES}\n{}", notes.join("\n")));
        write(folder.path(), "note/discharge.csv.gz", &zipped[..zipped.len() / 2]);
        let all = read_path(folder.path(), &GoldOptions::default());
        assert!(all.charts.len() > 1_000 && all.charts.len() < 20_000);
        assert!(all.errors.last().unwrap().starts_with("cannot read"));
        assert_eq!(all.issue("codes_without_note"), 0, "unread notes are not missing notes");
    }
}
