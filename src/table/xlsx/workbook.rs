//! Finds the sheet to read and the parts that belong to it.

use super::super::TableError;
use super::package::Package;
use super::part::{Element, Next, WorkbookPart};
use super::value::Epoch;

/// Maximum number of sheets per file and of references per part, more than any real file has.
const MAX: usize = 2000;

/// The sheet to read, with the names of its parts.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) sheet: String,
    pub(super) part: String,
    pub(super) styles: Option<String>,
    pub(super) strings: Option<String>,
    pub(super) epoch: Epoch,
}

/// A reference from one part to another.
struct Reference {
    id: String,
    /// The last segment of the reference's type.
    kind: String,
    part: String,
}

/// A sheet as listed by the workbook.
struct ListedSheet {
    name: String,
    reference: String,
    is_shown: bool,
}

/// Finds the sheet with this name, or else the first visible one.
pub(super) fn read(package: &Package<'_>, wanted: Option<&str>) -> Result<Book, TableError> {
    let document = references(package, "")?.into_iter().find(|reference| reference.kind == "officeDocument");
    let document = document.ok_or_else(|| no_spreadsheet("it does not name its workbook"))?.part;
    if document.to_ascii_lowercase().ends_with("workbook.bin") {
        return Err(TableError::File("the spreadsheet is in binary form (XLSB); save it as XLSX or CSV".to_owned()));
    }
    let (mut sheets, mut epoch, mut part) = (Vec::new(), Epoch::Y1900, WorkbookPart::needed(package, &document)?);
    loop {
        match part.next()? {
            Next::Start(element) if element.name() == "sheet" => sheets.push(listed(&element)),
            Next::Start(element) if element.name() == "workbookPr" => {
                let [date1904] = element.attributes(["date1904"]);
                if date1904.is_some_and(|value| value == "1" || value == "true") {
                    epoch = Epoch::Y1904;
                }
            }
            Next::Eof => break,
            Next::Start(_) | Next::End(_) | Next::Text(_) | Next::Other => {}
        }
        if sheets.len() > MAX {
            return Err(part.damaged());
        }
    }
    let references = references(package, &document)?;
    let part_of =
        |kind: &str| references.iter().find(|reference| reference.kind == kind).map(|found| found.part.clone());
    let is_sheet = |listed: &&ListedSheet| {
        references.iter().any(|reference| reference.id == listed.reference && reference.kind == "worksheet")
    };
    let found = match wanted {
        Some(wanted) => sheets.iter().filter(is_sheet).find(|listed| listed.name == wanted),
        None => sheets.iter().filter(is_sheet).find(|listed| listed.is_shown),
    };
    let Some(found) = found else { return Err(no_sheet(wanted, sheets.iter().filter(is_sheet))) };
    let part = references.iter().find(|reference| reference.id == found.reference);
    Ok(Book {
        sheet: found.name.clone(),
        part: part.map(|reference| reference.part.clone()).unwrap_or_default(),
        styles: part_of("styles"),
        strings: part_of("sharedStrings"),
        epoch,
    })
}

fn listed(element: &Element<'_>) -> ListedSheet {
    let [name, reference, state] = element.attributes(["name", "id", "state"]);
    let is_shown = state.is_none_or(|state| state == "visible");
    ListedSheet { name: name.unwrap_or_default(), reference: reference.unwrap_or_default(), is_shown }
}

fn no_sheet<'s>(wanted: Option<&str>, sheets: impl Iterator<Item = &'s ListedSheet>) -> TableError {
    let names: Vec<_> = sheets.take(20).map(|listed| format!("{:?}", listed.name)).collect();
    let names = names.join(", ");
    TableError::File(match wanted {
        Some(wanted) => format!("the spreadsheet has no sheet {wanted:?}; it has {names}"),
        None => "the spreadsheet has no visible sheet".to_owned(),
    })
}

fn no_spreadsheet(why: &str) -> TableError {
    TableError::File(format!("the file is not an XLSX spreadsheet: {why}; save it as XLSX or CSV"))
}

/// Returns the references of a part; of the package itself if the name is empty.
fn references(package: &Package<'_>, of: &str) -> Result<Vec<Reference>, TableError> {
    let (folder, name) = of.rsplit_once('/').map_or(("", of), |(folder, name)| (folder, name));
    let list = [folder, "/_rels/", name, ".rels"].concat();
    let mut part = WorkbookPart::needed(package, list.trim_start_matches('/'))?;
    let mut found = Vec::new();
    loop {
        match part.next()? {
            Next::Start(element) if element.name() == "Relationship" => {
                let [id, kind, target] = element.attributes(["Id", "Type", "Target"]).map(Option::unwrap_or_default);
                let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                found.push(Reference { id, kind, part: resolved(folder, &target) });
            }
            Next::Eof => return Ok(found),
            Next::Start(_) | Next::End(_) | Next::Text(_) | Next::Other => {}
        }
        if found.len() > MAX {
            return Err(part.damaged());
        }
    }
}

/// Resolves the name of a part relative to a folder.
fn resolved(folder: &str, target: &str) -> String {
    let mut segments: Vec<_> = if target.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for segment in target.split('/') {
        match segment {
            ".." => drop(segments.pop()),
            "." | "" => {}
            name => segments.push(name),
        }
    }
    segments.retain(|segment| !segment.is_empty());
    segments.join("/")
}
