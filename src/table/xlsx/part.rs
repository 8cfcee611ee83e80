//! A part of the package as XML, one event at a time.

use std::borrow::Cow;
use std::fmt;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::reader::Reader;

use super::super::TableError;
use super::package::{Metered, Package, TooMuch, damaged};

/// Maximum nesting depth of elements. The parts that are read have a handful of levels.
const MAX_DEPTH: usize = 64;
/// Maximum length of the name of an element, in bytes.
const MAX_NAME_LENGTH: usize = 256;

/// The next event of a part. Names have no namespace: the two variants of the standard do not differ otherwise in what
/// is read here.
pub(super) enum Next<'e> {
    Start(Element<'e>),
    End(PartEnd<'e>),
    Text(Cow<'e, str>),
    /// An event without meaning for the table.
    Other,
    Eof,
}

/// The start of an element.
pub(super) struct Element<'e>(BytesStart<'e>);

/// The end of an element.
pub(super) struct PartEnd<'e>(BytesEnd<'e>);

/// An open part.
///
/// Invariant: no more of the part is held than one event and the names of the open elements, both of which are bounded.
pub(super) struct WorkbookPart<'f> {
    name: String,
    xml: Reader<Metered<'f>>,
    event: Vec<u8>,
    depth: usize,
    /// For a sheet, the row that is being read.
    row: Option<u64>,
}

impl<'f> WorkbookPart<'f> {
    /// Opens the part with this name. Returns `None` if there is none.
    pub(super) fn open(package: &'f Package<'f>, name: &str) -> Result<Option<Self>, TableError> {
        let Some(from) = package.part(name)? else { return Ok(None) };
        let mut xml = Reader::from_reader(from);
        xml.config_mut().expand_empty_elements = true;
        Ok(Some(Self { name: name.to_owned(), xml, event: Vec::new(), depth: 0, row: None }))
    }

    /// Opens a part that must exist.
    pub(super) fn needed(package: &'f Package<'f>, name: &str) -> Result<Self, TableError> {
        Self::open(package, name)?.ok_or_else(|| {
            TableError::File(format!(
                "the file is not an XLSX spreadsheet: it has no part {name}; save it as XLSX or CSV"
            ))
        })
    }

    /// Returns the next event.
    pub(super) fn next(&mut self) -> Result<Next<'_>, TableError> {
        self.event.clear();
        self.xml.get_mut().begin_event();
        let event = self.xml.read_event_into(&mut self.event).map_err(|error| fault(&self.name, self.row, &error))?;
        Ok(match event {
            Event::Start(start) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH || start.name().as_ref().len() > MAX_NAME_LENGTH {
                    return Err(broken(&self.name, self.row));
                }
                Next::Start(Element(start))
            }
            Event::End(end) => {
                self.depth = self.depth.saturating_sub(1);
                Next::End(PartEnd(end))
            }
            Event::Text(text) => Next::Text(text.xml10_content()),
            Event::CData(text) => Next::Text(text.xml10_content()),
            Event::GeneralRef(reference) => {
                let named = || quick_xml::escape::resolve_predefined_entity(&reference);
                match reference.resolve_char_ref() {
                    Ok(Some(character)) => Next::Text(character.to_string().into()),
                    Ok(None) => Next::Text(named().ok_or_else(|| broken(&self.name, self.row))?.into()),
                    Err(_) => return Err(broken(&self.name, self.row)),
                }
            }
            Event::Eof => Next::Eof,
            // The standard forbids DOCTYPE (ECMA-376 part 2), and its declarations serve only attacks.
            Event::DocType(_) => {
                return Err(damaged(&self.name, format_args!(": it has a DOCTYPE, which no spreadsheet may have")));
            }
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => Next::Other,
        })
    }

    /// Returns the error for a part that cannot be read.
    pub(super) fn damaged(&self) -> TableError {
        broken(&self.name, self.row)
    }

    /// Returns the error for a part that cannot be read for this reason.
    pub(super) fn damaged_by(&self, why: fmt::Arguments<'_>) -> TableError {
        damaged(&self.name, format_args!(": {why}"))
    }

    /// Sets the row to which the following events belong.
    pub(super) fn in_row(&mut self, row: u64) {
        self.row = Some(row);
    }
}

impl Element<'_> {
    pub(super) fn name(&self) -> &str {
        local(self.0.name().into_inner())
    }

    /// Returns the values of these attributes, by their names without a namespace.
    pub(super) fn attributes<const N: usize>(&self, names: [&str; N]) -> [Option<String>; N] {
        let mut found = [const { None }; N];
        // The check for duplicates would take quadratic time.
        for attribute in self.0.attributes().with_checks(false).flatten() {
            let name = local(attribute.key.into_inner());
            if let Some((slot, _)) = found.iter_mut().zip(names).find(|(_, known)| *known == name) {
                *slot = attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(Cow::into_owned);
            }
        }
        found
    }
}

impl PartEnd<'_> {
    pub(super) fn name(&self) -> &str {
        local(self.0.name().into_inner())
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Returns the error for XML that cannot be read, within or after a row.
fn broken(part: &str, row: Option<u64>) -> TableError {
    match row {
        Some(row) => damaged(part, format_args!(" from row {row} on")),
        None => damaged(part, format_args!("")),
    }
}

fn fault(part: &str, row: Option<u64>, error: &quick_xml::Error) -> TableError {
    if let quick_xml::Error::Io(error) = error {
        let too_much = error.get_ref().and_then(|inner| inner.downcast_ref::<TooMuch>());
        match too_much {
            Some(TooMuch::InAll) => return TableError::TooLarge,
            Some(TooMuch::AtOnce) => {
                let what =
                    format!("the spreadsheet has a text in its part {part} that is longer than any cell may hold");
                return TableError::File(what);
            }
            None => {}
        }
    }
    broken(part, row)
}
