//! Medical code sets: the official releases of ICD-10-CM and others read into compact tables that
//! are mapped into memory, one for each code set and version.
//!
//! ```
//! use chartcode_codes::{CodeKey, CodeSet, Draft, System};
//!
//! let mut draft = Draft::new(System::Icd10Cm);
//! draft.version = Some("2027".to_owned());
//! draft.add_code(CodeKey::parse("E11").unwrap(), "Type 2 diabetes mellitus", Some(false));
//! draft.add_code(CodeKey::parse("E11.9").unwrap(), "… without complications", Some(true));
//! let set = CodeSet::build(&draft)?;
//! let entry = set.find("E11.9").unwrap();
//! assert!(entry.is_billable());
//! assert_eq!(entry.parent().unwrap().title(), "Type 2 diabetes mellitus");
//! # Ok::<(), chartcode_codes::Error>(())
//! ```

mod code_key;
mod code_set;
mod draft;
mod entry;
mod error;
mod group;
mod image;
mod in_force;
mod library;
mod note;
mod readers;
mod system;

pub use code_key::CodeKey;
pub use code_set::CodeSet;
pub use draft::{Draft, Source};
pub use entry::Entry;
pub use error::{Error, Result};
pub use group::{Group, GroupKind};
pub use in_force::InForce;
pub use library::Library;
pub use note::NoteKind;
pub use readers::{MOST_BYTES, read};
pub use system::System;
