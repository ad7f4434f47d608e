//! A draft as the bytes of a table.

use std::collections::{BTreeMap, HashMap};

use super::{BILLABLE, Header, MAGIC, NONE, STATED};
use crate::code_key::CodeKey;
use crate::draft::{Draft, Owner};
use crate::error::{Error, Result};
use crate::in_force::InForce;
use crate::note::NoteKind;

/// All strings, each once.
#[derive(Default)]
struct Text<'a> {
    bytes: String,
    places: HashMap<&'a str, [u32; 2]>,
}

impl<'a> Text<'a> {
    fn place(&mut self, text: &'a str) -> [u32; 2] {
        *self.places.entry(text).or_insert_with(|| {
            let start = self.bytes.len() as u32;
            self.bytes.push_str(text);
            [start, text.len() as u32]
        })
    }
}

/// Notes and seventh characters, in the order of their owners.
#[derive(Default)]
struct Tables<'a> {
    text: Text<'a>,
    codes: Vec<u32>,
    groups: Vec<u32>,
    notes: Vec<u32>,
    sevenths: Vec<u32>,
}

type Notes<'a> = BTreeMap<&'a Owner, Vec<(NoteKind, &'a str)>>;

/// The bytes of a code set's table.
pub(crate) fn write(draft: &Draft) -> Result<Vec<u8>> {
    let system = draft.system.to_string();
    let version = draft.version.clone().ok_or(Error::NoVersion { system })?;
    let mut notes: Notes<'_> = BTreeMap::new();
    for (owner, kind, text) in &draft.notes {
        let own = notes.entry(owner).or_default();
        // Two files may say the same.
        if !own.contains(&(*kind, text)) {
            own.push((*kind, text));
        }
    }
    for own in notes.values_mut() {
        own.sort_by_key(|(kind, _)| *kind);
    }
    let mut tables = Tables::default();
    tables.write_codes(draft, &notes);
    tables.write_groups(draft, &notes);
    let header = Header {
        system: draft.system,
        in_force: draft.in_force.or_else(|| InForce::of_version(draft.system, &version)),
        version,
        sources: draft.sources.clone(),
        billable: draft.codes.values().filter(|code| code.billable == Some(true)).count(),
        sizes: [
            tables.codes.len() / super::CODE,
            tables.groups.len() / super::GROUP,
            tables.notes.len() / super::NOTE,
            tables.sevenths.len() / super::SEVENTH,
            tables.text.bytes.len(),
        ],
    };
    Ok(tables.join(&header))
}

impl<'a> Tables<'a> {
    fn write_codes(&mut self, draft: &'a Draft, notes: &Notes<'a>) {
        let places: HashMap<CodeKey, u32> = draft.codes.keys().copied().zip(0..).collect();
        for (&key, code) in &draft.codes {
            let mut prefixes = (1..key.len()).rev().filter_map(|length| key.prefix(length));
            let parent = prefixes.find_map(|prefix| places.get(&prefix).copied());
            let flags = match code.billable {
                Some(true) => BILLABLE | STATED,
                Some(false) => STATED,
                None => 0,
            };
            self.codes.extend(words(key));
            self.codes.extend(self.text.place(&code.title));
            self.codes.extend([flags, parent.unwrap_or(NONE)]);
            self.codes.push((self.notes.len() / super::NOTE) as u32);
            self.codes.push((self.sevenths.len() / super::SEVENTH) as u32);
            self.write_notes(notes.get(&Owner::Code(key)));
            for (character, text) in draft.sevenths.get(&key).into_iter().flatten() {
                self.sevenths.push(u32::from(*character));
                self.sevenths.extend(self.text.place(text));
            }
        }
    }

    fn write_groups(&mut self, draft: &'a Draft, notes: &Notes<'a>) {
        for ((kind, id), group) in &draft.groups {
            self.groups.push(*kind as u32);
            self.groups.extend(self.text.place(id));
            self.groups.extend(self.text.place(&group.title));
            self.groups.extend(words(group.first));
            self.groups.extend(words(group.last));
            self.groups.push((self.notes.len() / super::NOTE) as u32);
            self.write_notes(notes.get(&Owner::Group(*kind, id.clone())));
        }
    }

    fn write_notes(&mut self, notes: Option<&Vec<(NoteKind, &'a str)>>) {
        for (kind, text) in notes.into_iter().flatten() {
            self.notes.push(*kind as u32);
            self.notes.extend(self.text.place(text));
        }
    }

    fn join(self, header: &Header) -> Vec<u8> {
        // A header of plain fields can always be written.
        let header = serde_json::to_vec(header).unwrap_or_default();
        let mut body = (header.len() as u32).to_le_bytes().to_vec();
        body.extend(header);
        for words in [self.codes, self.groups, self.notes, self.sevenths] {
            body.extend(words.into_iter().flat_map(u32::to_le_bytes));
        }
        body.extend(self.text.bytes.into_bytes());
        let mut bytes = MAGIC.to_vec();
        bytes.extend(crc32fast::hash(&body).to_le_bytes());
        bytes.extend(body);
        bytes
    }
}

fn words(key: CodeKey) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = key.to_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}
