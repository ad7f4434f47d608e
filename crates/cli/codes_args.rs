//! The command line of `chartcode codes`.

use std::path::PathBuf;

use chartcode_codes::System;
use clap::{Args as ClapArgs, Subcommand};

use crate::args::InspectFormat;

#[derive(Debug, ClapArgs)]
pub(crate) struct CodesArgs {
    #[command(subcommand)]
    pub(crate) command: CodesCommand,

    /// The folder of the tables, instead of .local/share/chartcode/codes in the home folder.
    #[arg(long, global = true, value_name = "DIR", env = "CHARTCODE_CODES")]
    pub(crate) codes: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CodesCommand {
    /// Read official releases into tables.
    Import(CodesImportArgs),
    /// Say which code sets there are.
    List(CodesListArgs),
    /// Show a code: title, hierarchy, notes, seventh characters.
    Show(CodesShowArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  chartcode codes import icd10cm-order-2027.txt icd10cm-tabular-2027.xml
                                  codes of one file, notes of the other: one table
  chartcode codes import --version 2026-04 icd10c-tabular-April-1-2026.xml

Files: order files of ICD-10-CM and ICD-10-PCS, lists of ICD-10-CM codes, the tabular list of
ICD-10-CM in XML. Files of the same system and version become one table; one that is
there already is replaced.")]
pub(crate) struct CodesImportArgs {
    /// Files of a release.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,

    /// The version, instead of what the files say: a fiscal year (2027), with an update of April
    /// 2026-04.
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CodesListArgs {
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = InspectFormat::Text)]
    pub(crate) format: InspectFormat,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  chartcode codes show E11.9
  chartcode codes show --version 2026 S52.501A
  chartcode codes show --date 2026-03-31 --format json E66.01")]
pub(crate) struct CodesShowArgs {
    /// A code, with or without its dot.
    pub(crate) code: String,

    /// Its system.
    #[arg(short, long, default_value_t = System::Icd10Cm)]
    pub(crate) system: System,

    /// The version, instead of the newest.
    #[arg(long, value_name = "VERSION", conflicts_with = "date")]
    pub(crate) version: Option<String>,

    /// The version that is for this date of service.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) date: Option<jiff::civil::Date>,

    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = InspectFormat::Text)]
    pub(crate) format: InspectFormat,
}
