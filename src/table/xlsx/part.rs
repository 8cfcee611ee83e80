//! A part as XML: one event at a time.

use std::borrow::Cow;
use std::fmt;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::reader::Reader;

use super::super::TableError;
use super::package::{Metered, Package, TooMuch, damaged};

/// Elements within each other: the parts that are read have a handful.
const MAX_DEPTH: usize = 64;
/// Bytes of the name of an element.
const MAX_NAME_LENGTH: usize = 256;

/// What is next in a part. Names are without their namespace: the two forms of the standard differ in nothing else here.
pub(super) enum Next<'e> {
    Start(Element<'e>),
    End(PartEnd<'e>),
    Text(Cow<'e, str>),
    /// What says nothing about the table.
    Other,
    Eof,
}

/// The beginning of an element.
pub(super) struct Element<'e>(BytesStart<'e>);

/// The end of an element.
pub(super) struct PartEnd<'e>(BytesEnd<'e>);

/// One part.
///
/// Invariant: no more of it is held than one event and the names of the elements that are open, both bounded.
pub(super) struct WorkbookPart<'f> {
    name: String,
    xml: Reader<Metered<'f>>,
    event: Vec<u8>,
    depth: usize,
    /// Of a sheet, the row that is being read.
    row: Option<u64>,
}

impl<'f> WorkbookPart<'f> {
    /// Opens the part of this name; `None` if there is none.
    pub(super) fn open(package: &'f Package<'f>, name: &str) -> Result<Option<Self>, TableError> {
        let Some(from) = package.part(name)? else { return Ok(None) };
        let mut xml = Reader::from_reader(from);
        xml.config_mut().expand_empty_elements = true;
        Ok(Some(Self { name: name.to_owned(), xml, event: Vec::new(), depth: 0, row: None }))
    }

    /// Opens a part that has to be there.
    pub(super) fn needed(package: &'f Package<'f>, name: &str) -> Result<Self, TableError> {
        Self::open(package, name)?.ok_or_else(|| {
            TableError::File(format!(
                "the file is no spreadsheet of the form XLSX: it has no part {name}; save it as XLSX or CSV"
            ))
        })
    }

    /// What is next.
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
            // The standard forbids it (ECMA-376 part 2), as what it can declare is there to do harm.
            Event::DocType(_) => {
                return Err(damaged(&self.name, format_args!(": it has a DOCTYPE, which no spreadsheet may have")));
            }
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => Next::Other,
        })
    }

    /// The part cannot be read.
    pub(super) fn damaged(&self) -> TableError {
        broken(&self.name, self.row)
    }

    /// The part cannot be read, for this reason.
    pub(super) fn damaged_by(&self, why: fmt::Arguments<'_>) -> TableError {
        damaged(&self.name, format_args!(": {why}"))
    }

    /// What comes next belongs to this row.
    pub(super) fn in_row(&mut self, row: u64) {
        self.row = Some(row);
    }
}

impl Element<'_> {
    pub(super) fn name(&self) -> &str {
        local(self.0.name().into_inner())
    }

    /// The values of these attributes, by their names without a namespace.
    pub(super) fn attributes<const N: usize>(&self, names: [&str; N]) -> [Option<String>; N] {
        let mut found = [const { None }; N];
        // Looking for repeated ones takes as long as their number squared.
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

/// The XML of a part cannot be read, in or behind a row.
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
