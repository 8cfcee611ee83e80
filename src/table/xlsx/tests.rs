//! Tests with spreadsheets as programs write them, and with files made to do harm.

use super::super::sheets::{Workbook, relationships};
use super::super::{Table, TableError, Workbook as Sent, endless_room};

const MEGABYTE: usize = 1024 * 1024;

/// Returns all rows with their numbers, or the first error.
async fn read(file: Vec<u8>, sheet: Option<&str>) -> Result<Vec<(u64, Vec<String>)>, TableError> {
    read_within(file, sheet, 64 * MEGABYTE).await
}

async fn read_within(
    file: Vec<u8>,
    sheet: Option<&str>,
    unpacked: usize,
) -> Result<Vec<(u64, Vec<String>)>, TableError> {
    let sent = Sent { file: file.into(), sheet: sheet.map(str::to_owned), unpacked, room: endless_room() };
    let mut table = Table::<&[u8]>::xlsx(sent);
    let mut rows = Vec::new();
    if table.read_head().await? {
        rows.push((table.line(), table.columns().to_vec()));
        while table.next().await? {
            rows.push((table.line(), table.row().cells().map(str::to_owned).collect()));
        }
    }
    Ok(rows)
}

async fn told(file: Vec<u8>) -> String {
    read(file, None).await.unwrap_err().to_string()
}

/// Returns the cells of the only row below `a`, `b`.
async fn second(cells: &str, with: impl Fn(Workbook) -> Workbook) -> Result<Vec<String>, TableError> {
    let head = "<row r=\"1\"><c t=\"inlineStr\"><is><t>a</t></is></c><c t=\"inlineStr\"><is><t>b</t></is></c></row>";
    let rows = read(with(Workbook::of(&format!("{head}<row r=\"5\">{cells}</row>"))).file(), None).await?;
    Ok(rows.into_iter().nth(1).map(|(_, cells)| cells).unwrap_or_default())
}

#[tokio::test]
async fn a_sheet_is_read_as_a_person_sees_it() {
    let styles = "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/><numFmt numFmtId=\"165\" \
                  formatCode=\"00000\"/></numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs><cellXfs><xf numFmtId=\"0\"/>\
                  <xf numFmtId=\"164\"/><xf numFmtId=\"22\"/><xf numFmtId=\"165\"/></cellXfs></styleSheet>";
    let with = |book: Workbook| book.with("xl/styles.xml", styles).sharing(&["Zoë &amp; Co", "007"]);
    for (cell, seen) in [
        ("<c><v>1001</v></c>", "1001"),
        ("<c t=\"n\"><v>4.4000000000000004</v></c>", "4.4"),
        ("<c t=\"s\"><v>0</v></c>", "Zoë & Co"),
        ("<c t=\"s\"><v>1</v></c>", "007"),
        ("<c s=\"3\"><v>7</v></c>", "00007"),
        ("<c s=\"1\"><v>45982</v></c>", "2025-11-21"),
        ("<c s=\"2\"><v>45982.84375</v></c>", "2025-11-21T20:15:00Z"),
        ("<c t=\"d\"><v>2025-11-21T20:15:00+01:00</v></c>", "2025-11-21T20:15:00+01:00"),
        ("<c t=\"b\"><v>1</v></c>", "true"),
        ("<c t=\"b\"><f>1=2</f><v>0</v></c>", "false"),
        ("<c t=\"str\"><f>A1&amp;\"x\"</f><v>ax</v></c>", "ax"),
        ("<c><f>1+1</f><v>2</v></c>", "2"),
        ("<c t=\"inlineStr\"><is><r><t>Bil</t></r><r><t>ling</t></r><rPh><t>aid</t></rPh></is></c>", "Billing"),
        ("<x:c t=\"inlineStr\"><x:is><x:t>&#x41;&lt;<![CDATA[&]]></x:t></x:is></x:c>", "A<&"),
    ] {
        assert_eq!(second(cell, with).await.unwrap(), [seen, ""], "{cell}");
    }
    // An empty cell may be absent from the file, and a cell with formatting only is empty.
    let cells = "<c r=\"B5\"><v>2</v></c><c r=\"XFD5\" s=\"1\"/>";
    assert_eq!(second(cells, with).await.unwrap(), ["", "2"]);
    for empty in ["<v></v>", "<v/>", "<v> </v>"] {
        let cells = format!("<c r=\"A5\" t=\"str\"><f>\"\"</f>{empty}</c><c r=\"B5\"><v>2</v></c>");
        assert_eq!(second(&cells, with).await.unwrap()[1], "2", "{empty}");
    }
}

#[tokio::test]
async fn what_has_no_value_to_be_taken_is_refused_with_the_name_of_its_cell() {
    for (cell, said) in [
        ("<c t=\"e\"><f>1/0</f><v>#DIV/0!</v></c>", "People!A5 holds the error #DIV/0!"),
        ("<c r=\"B5\"><f>A1</f></c>", "People!B5 holds a formula whose value is not in the file"),
        ("<c r=\"B5\"><f>A1</f><v/></c>", "People!B5 holds a formula whose value is not in the file"),
        ("<c><f>A1</f><v></v></c>", "People!A5 holds a formula whose value is not in the file"),
        ("<c t=\"n\"><f>A1</f><v> </v></c>", "People!A5 holds a formula whose value is not in the file"),
        ("<c t=\"b\"><f>A1</f><v/></c>", "People!A5 holds a formula whose value is not in the file"),
        ("<c t=\"str\"><f>A1</f></c>", "People!A5 holds a formula whose value is not in the file"),
        ("<c t=\"s\"><v>7</v></c>", "People!A5 refers to a text that is not in the file"),
        ("<c><v>x</v></c>", "People!A5 does not hold a number"),
        ("<c r=\"C5\"><v>1</v></c>", "People!5:5 has 3 cells; line 1 names 2"),
        ("<c r=\"AMM5\"><v>1</v></c>", "People!5:5 has more than 1000 cells"),
    ] {
        let fault = second(cell, |book| book).await.unwrap_err().to_string();
        assert!(fault.starts_with(said), "{fault}");
    }
    for (cells, said) in [
        ("<c r=\"B5\"/><c r=\"A5\"/>", "its row 5 has the cell \"A5\" twice, after a later one"),
        ("<c r=\"B5\"/><c r=\"B5\"/>", "its row 5 has the cell \"B5\" twice"),
        ("<c r=\"A6\"/>", "its row 5 has the cell \"A6\""),
        ("<c r=\"5\"/>", "its row 5 has the cell \"5\""),
        ("</row><row r=\"4\">", "row 5 is followed by an earlier one"),
        ("<c><v>&own;</v></c>", "cannot be read from row 5 on"),
        ("<c><v>1</c>", "cannot be read from row 5 on"),
    ] {
        let told = second(cells, |book| book).await.unwrap_err().to_string();
        assert!(told.starts_with("the spreadsheet is damaged: its part xl/worksheets/sheet1.xml"), "{told}");
        assert!(told.contains(said), "{told}");
    }
    let declared = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><worksheet/>";
    let told = told(Workbook::of("").with("xl/worksheets/sheet1.xml", declared).file()).await;
    assert!(told.contains("sheet1.xml cannot be read: it has a DOCTYPE"), "{told}");
}

#[tokio::test]
async fn a_faulty_row_does_not_hide_the_next_one() {
    let text = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let rows = format!("<row>{}</row><row><c t=\"e\"><v>#N/A</v></c></row><row>{}</row>", text("a"), text("x"));
    let sent = Sent { file: Workbook::of(&rows).file().into(), sheet: None, unpacked: MEGABYTE, room: endless_room() };
    let mut table = Table::<&[u8]>::xlsx(sent);
    assert!(table.read_head().await.unwrap());
    assert!(matches!(table.next().await, Err(TableError::Row(fault)) if fault.cell.as_deref() == Some("People!A2")));
    assert!(table.next().await.unwrap() && table.line() == 3);
    assert!(!table.next().await.unwrap());
}

#[tokio::test]
async fn merged_cells_of_a_table_are_refused() {
    let rows = "<row><c t=\"inlineStr\"><is><t>a</t></is></c><c t=\"inlineStr\"><is><t>b</t></is></c></row>\
                <row><c><v>1</v></c><c><v>2</v></c></row><row><c><v>1</v></c></row>";
    let with = |range: &str| {
        let sheet = format!(
            "<worksheet><sheetData>{rows}</sheetData><mergeCells><mergeCell ref=\"{range}\"/></mergeCells></worksheet>"
        );
        Workbook::of("").with("xl/worksheets/sheet1.xml", &sheet).file()
    };
    for range in ["B2:B3", "A2:B2", "B2:B9", "A1:C3"] {
        assert!(told(with(range)).await.starts_with(&format!("People!{range} is merged")), "{range}");
    }
    for harmless in ["B3:D3", "B3:B9", "A4:B9", "C1:D9", "A2:A2", "B4:B9"] {
        assert_eq!(read(with(harmless), None).await.unwrap().len(), 3, "{harmless}");
    }
}

#[tokio::test]
async fn the_first_sheet_that_is_shown_is_read_or_the_one_that_is_named() {
    let sheets = "<workbook><workbookPr date1904=\"1\"/><sheets><sheet name=\"Old\" state=\"hidden\" id=\"r1\"/><sheet name=\"Chart\" \
                  id=\"r2\"/><sheet name=\"März\" id=\"r3\"/></sheets></workbook>";
    let targets = [
        ("r1", "worksheet", "worksheets/sheet1.xml"),
        ("r2", "chartsheet", "c.xml"),
        ("r3", "worksheet", "../xl/./m.xml"),
    ];
    let book = Workbook::of("<row><c t=\"inlineStr\"><is><t>old</t></is></c></row>")
        .with("xl/workbook.xml", sheets)
        .with("xl/_rels/workbook.xml.rels", &relationships(&targets))
        .with("xl/M.XML", "<worksheet><sheetData><row><c t=\"str\"><v>new</v></c></row></sheetData></worksheet>");
    assert_eq!(read(book.file(), None).await.unwrap(), [(1, vec!["new".to_owned()])]);
    assert_eq!(read(book.file(), Some("Old")).await.unwrap(), [(1, vec!["old".to_owned()])]);
    let none = read(book.file(), Some("Chart")).await.unwrap_err().to_string();
    assert_eq!(none, "the spreadsheet has no sheet \"Chart\"; it has \"Old\", \"März\"");
}

#[tokio::test]
async fn what_is_no_spreadsheet_is_told() {
    let encrypted: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let compound = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    for (file, said) in [
        (b"a,b\n".to_vec(), "if it is CSV"),
        (Vec::new(), "not a spreadsheet"),
        (compound.clone(), "XLS"),
        ([compound, vec![0; 600], encrypted].concat(), "password"),
        (b"PK\x03\x04".to_vec(), "damaged"),
        (Workbook::of("").with("_rels/.rels", &relationships(&[])).file(), "XLSX"),
        (
            Workbook::of("").with("_rels/.rels", &relationships(&[("r", "officeDocument", "xl/workbook.bin")])).file(),
            "XLSB",
        ),
        (Workbook::of("").with("xl/worksheets/sheet1.xml", "<worksheet><sheetData><row>").file(), "damaged"),
        (Workbook::of("").with("xl/sharedStrings.xml", "<sst><si></sst>").file(), "damaged"),
        (Workbook::of("<row r=\"18446744073709551615\"/><row/>").file(), "damaged"),
    ] {
        let fault = told(file).await;
        assert!(fault.contains(said), "{fault}");
    }
    let file = Workbook::of("<row><c><v>1</v></c></row>").file();
    for end in 0..file.len() {
        assert!(read(file[..end].to_vec(), None).await.is_err(), "cut off after {end}");
    }
    assert!(read(Workbook::of("").file(), None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_small_file_that_stands_for_a_large_one_is_refused_in_little_memory() {
    let part = "xl/worksheets/sheet1.xml";
    let whole = |inside: &str| format!("<worksheet><sheetData>{inside}</sheetData></worksheet>");
    let long = "x".repeat(20 * MEGABYTE);
    let rows = "<row><c/></row>".repeat(2 * MEGABYTE);
    let named = "<c t=\"s\"><v>0</v></c>";
    let shared = format!("<row>{named}</row>").repeat(1000);
    let text = "y".repeat(150_000);
    for (file, said) in [
        // Blanks and empty rows.
        (Workbook::of("").with(part, &whole(&" ".repeat(20 * MEGABYTE))), "longer than any cell"),
        (Workbook::of("").with(part, &whole(&rows)), "too large"),
        // A single oversized text, comment, tag or attribute.
        (Workbook::of(&format!("<row><c t=\"str\"><v>{long}</v></c></row>")), "longer than any cell"),
        (Workbook::of("").sharing(&[&long]), "longer than any cell"),
        (
            Workbook::of("").with("xl/styles.xml", &format!("<styleSheet><!--{long}--></styleSheet>")),
            "longer than any cell",
        ),
        (Workbook::of("").with(part, &format!("<worksheet x=\"{long}\"/>")), "longer than any cell"),
        // Deep nesting, endless styles, long names.
        (Workbook::of("").with(part, &"<a>".repeat(MEGABYTE)), "damaged"),
        (
            Workbook::of("").with("xl/styles.xml", &format!("<cellXfs>{}</cellXfs>", "<xf/>".repeat(MEGABYTE))),
            "damaged",
        ),
        (
            Workbook::of("").with("xl/workbook.xml", &format!("<workbook>{}</workbook>", "<sheet/>".repeat(MEGABYTE))),
            "damaged",
        ),
        // Shared texts that are referred to more often than they could be written.
        (Workbook::of(&shared).sharing(&[&text]), "too large"),
        (Workbook::of(&format!("<row>{}</row>", named.repeat(900))).sharing(&[&text]), "longer than 1048576 bytes"),
        // False declarations.
        (Workbook::of("").with("xl/sharedStrings.xml", "<sst uniqueCount=\"1000000000000\"/>"), ""),
        (Workbook::of("").with(part, "<worksheet><dimension ref=\"A1:XFD1048576\"/></worksheet>"), ""),
    ] {
        let file = file.file();
        assert!(file.len() < 200_000, "{said}: {}", file.len());
        match read_within(file, None, 16 * MEGABYTE).await {
            Ok(_) => assert_eq!(said, ""),
            Err(fault) => assert!(!said.is_empty() && fault.to_string().contains(said), "{said}: {fault}"),
        }
    }
}

#[tokio::test]
async fn what_is_kept_of_a_file_takes_room() {
    let texts: Vec<_> = (0..20_000).map(|n| format!("text {n}")).collect();
    let book = Workbook::of("").sharing(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    for (most, enough) in [(8 * MEGABYTE, true), (super::HELD + 100_000, false), (0, false)] {
        let mut left = most;
        let room = Box::new(move |bytes| {
            let enough = bytes <= left;
            left = left.saturating_sub(bytes);
            enough
        });
        let sent = Sent { file: book.file().into(), sheet: None, unpacked: usize::MAX, room };
        let read = Table::<&[u8]>::xlsx(sent).read_head().await;
        assert_eq!(read.is_ok(), enough, "{read:?}");
    }
}
