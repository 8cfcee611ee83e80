//! Spreadsheets for tests, put together part by part: also such as no program writes. The unit tests take this file as well.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, ZipArchiveWriter};

const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A file, by its parts.
#[derive(Debug, Clone)]
pub(crate) struct Workbook(Vec<(String, Vec<u8>)>);

impl Workbook {
    /// With one sheet, `People`, whose rows are this XML.
    pub(crate) fn of(rows: &str) -> Self {
        let book = "<sheets><sheet name=\"People\" sheetId=\"1\" r:id=\"r1\"/></sheets>";
        Self(Vec::new())
            .with("_rels/.rels", &relationships(&[("r1", "officeDocument", "xl/workbook.xml")]))
            .with("xl/workbook.xml", &format!("<workbook xmlns:r=\"{RELATIONSHIPS}\">{book}</workbook>"))
            .with(
                "xl/_rels/workbook.xml.rels",
                &relationships(&[
                    ("r1", "worksheet", "worksheets/sheet1.xml"),
                    ("r2", "styles", "styles.xml"),
                    ("r3", "sharedStrings", "/xl/sharedStrings.xml"),
                ]),
            )
            .with("xl/worksheets/sheet1.xml", &format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"))
    }

    /// With a part more, or in the place of the one of this name.
    pub(crate) fn with(self, name: &str, text: &str) -> Self {
        self.with_bytes(name, text.as_bytes())
    }

    /// The same with a part that need not be text.
    pub(crate) fn with_bytes(mut self, name: &str, part: &[u8]) -> Self {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), part.to_vec()));
        self
    }

    /// With these texts for cells to share.
    pub(crate) fn sharing(self, texts: &[&str]) -> Self {
        let texts: Vec<_> = texts.iter().map(|text| format!("<si><t>{text}</t></si>")).collect();
        let texts = texts.concat();
        self.with("xl/sharedStrings.xml", &format!("<sst>{texts}</sst>"))
    }

    /// The bytes of the file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut archive = ZipArchiveWriter::new(&mut file);
        for (name, text) in &self.0 {
            let new = archive.new_file(name).compression_method(CompressionMethod::DEFLATE);
            let (mut entry, config) = new.start().unwrap();
            let mut part = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
            part.write_all(text).unwrap();
            let (packed, descriptor) = part.finish().unwrap();
            packed.finish().unwrap();
            entry.finish(descriptor).unwrap();
        }
        archive.finish().unwrap();
        file
    }
}

pub(crate) fn relationships(all: &[(&str, &str, &str)]) -> String {
    let one = |(id, kind, target): &(&str, &str, &str)| {
        format!("<Relationship Id=\"{id}\" Type=\"{RELATIONSHIPS}/{kind}\" Target=\"{target}\"/>")
    };
    format!("<Relationships>{}</Relationships>", all.iter().map(one).collect::<Vec<_>>().concat())
}

/// A table of texts.
pub(crate) fn table(rows: &[&[&str]]) -> Vec<u8> {
    let cell = |text: &&str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let row = |cells: &&[&str]| format!("<row>{}</row>", cells.iter().map(cell).collect::<Vec<_>>().concat());
    Workbook::of(&rows.iter().map(row).collect::<Vec<_>>().concat()).file()
}
