//! HR exports as CSV: the first line names the attributes, each other line is a person.

use super::people::{NotUnderstood, TakeRecord};
use crate::csv_rows::{CsvRows, RowFault};
use crate::domain::text::folded;

/// Rows after which others get their turn.
const ROWS_AT_A_TIME: usize = 256;

/// Hands over each row of an export. Columns are apart by a comma, or by a semicolon or tab if the first line has more of
/// those.
pub(super) async fn each_row<T: TakeRecord>(text: &[u8], take: &mut T) -> Result<(), T::Fault> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut rows = CsvRows::new(text, delimiter(text));
    if !rows.next().await.map_err(|fault| broken(&rows, &fault))? {
        return Err(NotUnderstood::new("the file is empty; its first line has to name the columns").into());
    }
    let columns = columns(&rows)?;
    take.columns(&columns)?;
    let wanted: Vec<_> = columns.iter().map(|column| take.wants(column)).collect();
    let mut count: usize = 0;
    while rows.next().await.map_err(|fault| broken(&rows, &fault))? {
        let (line, found, named) = (rows.line(), rows.width(), columns.len());
        if found != named {
            let said = format!("line {line} has {found} cells, the first line names {named}");
            return Err(NotUnderstood::new(said).into());
        }
        for ((column, cell), wanted) in columns.iter().zip(rows.cells()).zip(&wanted) {
            let cell = std::str::from_utf8(cell)
                .map_err(|_| NotUnderstood::new(format!("line {line}: {column} is not valid UTF-8")))?;
            if *wanted {
                take.attribute(column, cell);
            }
        }
        take.record()?;
        count += 1;
        if count.is_multiple_of(ROWS_AT_A_TIME) {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

fn broken(rows: &CsvRows<&[u8]>, fault: &RowFault) -> NotUnderstood {
    NotUnderstood::new(match fault {
        RowFault::Unreadable(error) => format!("cannot be read as CSV: {error}"),
        RowFault::TooWide | RowFault::TooLong => format!("line {} {fault}", rows.line()),
    })
}

fn columns(rows: &CsvRows<&[u8]>) -> Result<Vec<String>, NotUnderstood> {
    let names = rows.cells().map(|cell| std::str::from_utf8(cell).map(|name| name.trim().to_owned()));
    let names: Vec<_> =
        names.collect::<Result<_, _>>().map_err(|_| NotUnderstood::new("the first line is not valid UTF-8"))?;
    for (at, name) in names.iter().enumerate() {
        let same = |other: &String| folded(other) == folded(name);
        if !name.is_empty() && names.iter().take(at).any(same) {
            return Err(NotUnderstood::new(format!("the first line names the column {name:?} twice")));
        }
    }
    Ok(names)
}

fn delimiter(text: &[u8]) -> u8 {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| first.split(|byte| *byte == delimiter).count();
    // The last of equals is taken, so the comma comes last.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hris::people::{Everybody, Told};

    async fn people(text: &[u8]) -> Result<Told, NotUnderstood> {
        let mut everybody = Everybody::default();
        each_row(text, &mut everybody).await?;
        Ok(everybody.told())
    }

    async fn titles(text: &str) -> Result<Vec<String>, NotUnderstood> {
        let told = people(text.as_bytes()).await?;
        Ok(told.people.iter().map(|person| person.attributes.first("job title").unwrap_or("-").to_owned()).collect())
    }

    #[tokio::test]
    async fn an_export_has_a_person_a_line() {
        assert_eq!(titles("ID,Job Title\n1,Agent\n2,\n").await.unwrap(), ["Agent", "-"]);
        assert_eq!(titles("\u{feff}ID;Job Title\r\n1;\"Agent; senior\"\r\n").await.unwrap(), ["Agent; senior"]);
        assert_eq!(titles("ID\tJob Title\n1\tAgent\n").await.unwrap(), ["Agent"]);
        assert_eq!(titles("ID,Job Title\n").await.unwrap(), [""; 0]);
    }

    #[tokio::test]
    async fn what_is_no_export_is_refused() {
        for (bad, said) in
            [("", "empty"), ("a,A\n1,2\n", "twice"), ("a,b\n1\n", "line 2 has 1 cells"), ("a,b\n1,2,3\n", "line 2")]
        {
            assert!(titles(bad).await.unwrap_err().0.contains(said), "{bad}");
        }
        assert!(people(b"a,b\n\xff,2\n").await.unwrap_err().0.contains("UTF-8"));
    }
}
