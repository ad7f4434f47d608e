//! A code set while its files are read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::code_key::CodeKey;
use crate::error::{Error, Result};
use crate::group::GroupKind;
use crate::in_force::InForce;
use crate::note::NoteKind;
use crate::system::System;

/// A file that a code set was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name, without folders.
    pub file: String,
    /// Its sha256, in hexadecimal digits.
    pub sha256: String,
    /// What was read from it: `order file`, `tabular list`.
    pub what: String,
    /// How many codes or notes.
    pub rows: usize,
}

/// What a note belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Code(CodeKey),
    Group(GroupKind, String),
}

#[derive(Clone, Debug)]
pub(crate) struct DraftCode {
    pub(crate) title: String,
    pub(crate) billable: Option<bool>,
}

#[derive(Clone, Debug)]
pub(crate) struct DraftGroup {
    pub(crate) title: String,
    pub(crate) first: CodeKey,
    pub(crate) last: CodeKey,
}

/// A code set while its files are read: what each file says is added to it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The system of all its codes.
    pub system: System,
    /// The version, once a file or the user has told.
    pub version: Option<String>,
    /// When it is valid, where that does not follow from the version's name.
    pub in_force: Option<InForce>,
    pub(crate) codes: BTreeMap<CodeKey, DraftCode>,
    pub(crate) groups: BTreeMap<(GroupKind, String), DraftGroup>,
    pub(crate) notes: Vec<(Owner, NoteKind, String)>,
    pub(crate) sevenths: BTreeMap<CodeKey, Vec<(char, String)>>,
    pub(crate) sources: Vec<Source>,
}

impl Draft {
    /// An empty one.
    #[must_use]
    pub fn new(system: System) -> Self {
        Self {
            system,
            version: None,
            in_force: None,
            codes: BTreeMap::new(),
            groups: BTreeMap::new(),
            notes: Vec::new(),
            sevenths: BTreeMap::new(),
            sources: Vec::new(),
        }
    }

    /// How many codes there are, categories among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Adds a code, or what was not known of one that is there: its title, whether it can be
    /// billed. Returns whether it is new.
    pub fn add_code(&mut self, key: CodeKey, title: &str, billable: Option<bool>) -> bool {
        let mut is_new = false;
        let code = self.codes.entry(key).or_insert_with(|| {
            is_new = true;
            DraftCode { title: String::new(), billable: None }
        });
        if code.title.is_empty() {
            title.clone_into(&mut code.title);
        }
        code.billable = code.billable.or(billable);
        is_new
    }

    /// Takes in what another file says of the same code set. What is there already stays.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the other is of another system or version.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        let conflict = |problem| Error::Conflict { system: self.system.to_string(), problem };
        if self.system != other.system {
            return Err(conflict(format!("one file is of it, another of {}", other.system)));
        }
        if let (Some(own), Some(version)) = (&self.version, &other.version)
            && own != version
        {
            let problem = format!("one file is of version {own}, another of {version}");
            return Err(conflict(problem));
        }
        self.version = self.version.take().or(other.version);
        self.in_force = self.in_force.or(other.in_force);
        for (key, code) in other.codes {
            self.add_code(key, &code.title, code.billable);
        }
        for (key, group) in other.groups {
            self.groups.entry(key).or_insert(group);
        }
        for (key, characters) in other.sevenths {
            self.sevenths.entry(key).or_insert(characters);
        }
        self.notes.extend(other.notes);
        self.sources.extend(other.sources);
        Ok(())
    }
}
