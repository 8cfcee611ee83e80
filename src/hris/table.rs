//! Reads HR exports as tables: columns are attributes, and each row is a person.

use std::collections::HashSet;

use tokio::io::AsyncBufRead;

use super::mapped::MappingError;
use super::people::{NotUnderstood, PayloadPlace, TakeRecord};
use crate::domain::text::folded;
use crate::table::{Table, TableError};

/// Number of rows after which the task yields to others.
const ROWS_AT_A_TIME: usize = 256;

/// Passes each row of an export to `take`.
pub(super) async fn each_row<T: TakeRecord, R: AsyncBufRead + Unpin>(
    table: &mut Table<R>,
    take: &mut T,
) -> Result<(), MappingError>
where
    MappingError: From<T::Fault>,
{
    if !table.read_head().await? {
        return Err(NotUnderstood::new("the file is empty; its first line must name the columns").into());
    }
    check_columns(table)?;
    take.columns(table.columns())?;
    let wanted: Vec<_> = table.columns().iter().map(|column| !column.is_empty() && take.wants(column)).collect();
    let mut count: usize = 0;
    while table.next().await? {
        for ((column, cell), wanted) in table.columns().iter().zip(table.row().cells()).zip(&wanted) {
            if *wanted {
                take.attribute(column, cell);
            }
        }
        take.at(if table.sheet().is_some() {
            PayloadPlace::Row(table.line())
        } else {
            PayloadPlace::Line(table.line())
        });
        take.record()?;
        count += 1;
        if count.is_multiple_of(ROWS_AT_A_TIME) {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// Checks that no column occurs twice.
fn check_columns<R: AsyncBufRead + Unpin>(table: &Table<R>) -> Result<(), TableError> {
    let mut known = HashSet::new();
    for name in table.columns() {
        if !name.is_empty() && !known.insert(folded(name)) {
            return Err(TableError::Row(table.fault(None, format!("names the column {name:?} twice"))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hris::people::{Everybody, Told};
    use crate::table::endless_room;
    use crate::table::sheets::Workbook;

    async fn people(text: &[u8]) -> Result<Told, MappingError> {
        let mut everybody = Everybody::default();
        each_row(&mut Table::csv(text, None), &mut everybody).await?;
        Ok(everybody.told())
    }

    async fn titles(text: &str) -> Result<Vec<String>, MappingError> {
        let told = people(text.as_bytes()).await?;
        Ok(told.people.iter().map(|person| person.attributes.first("job title").unwrap_or("-").to_owned()).collect())
    }

    #[tokio::test]
    async fn an_export_has_a_person_a_line() {
        assert_eq!(titles("ID,Job Title\n1,Agent\n2,\n").await.unwrap(), ["Agent", "-"]);
        assert_eq!(titles("\u{feff}ID;Job Title\r\n1;\"Agent; senior\"\r\n").await.unwrap(), ["Agent; senior"]);
        assert_eq!(titles("ID\tJob Title\n1\tAgent\n").await.unwrap(), ["Agent"]);
        assert_eq!(titles("ID,Job Title\n").await.unwrap(), [""; 0]);
        assert_eq!(titles("ID,Job Title,\n1,Agent,\n,,\n2,Lead,,\n").await.unwrap(), ["Agent", "Lead"]);
        assert_eq!(titles("ID, \"Job\u{a0}Title\"\n1,Agent\n").await.unwrap(), ["Agent"]);
    }

    #[tokio::test]
    async fn a_cell_that_a_spreadsheet_does_not_have_is_empty_as_in_csv() {
        let text = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
        let rows = format!(
            "<row>{}{}{}</row><row>{}</row><row>{}<c r=\"C3\"><v>5</v></c></row>",
            text("ID"),
            text("Job Title"),
            text("Level"),
            text("1"),
            text("2"),
        );
        let file = Workbook::of(&rows).file().into();
        let workbook = crate::table::Workbook { file, sheet: None, unpacked: usize::MAX, room: endless_room() };
        let mut everybody = Everybody::default();
        each_row(&mut Table::<&[u8]>::xlsx(workbook), &mut everybody).await.unwrap();
        let sheet = everybody.told();
        assert_eq!(sheet, people(b"ID,Job Title,Level\n1,,\n2,,5\n").await.unwrap());
        assert!(sheet.people.iter().all(|person| person.attributes.tell_of("job title")));
    }

    #[tokio::test]
    async fn what_is_no_export_is_refused() {
        for (bad, said) in [
            ("", "empty"),
            ("a,A\n1,2\n", "line 1 names the column \"A\" twice"),
            ("a,b\n1\n", "line 2 has 1 cell; line 1 names 2"),
            ("a,b\n1,2,3\n", "line 2 has 3 cells"),
            ("a,,b\n1,,2\n1,x,2\n", "line 3 has something in column 2"),
        ] {
            let told = titles(bad).await.unwrap_err().to_string();
            assert!(told.contains(said), "{bad}: {told}");
        }
        assert!(people(b"a,b\n\xff,2\n").await.unwrap_err().to_string().contains("UTF-8"));
    }
}
