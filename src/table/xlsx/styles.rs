//! Number formats, as far as they change what a number means: dates, durations, leading zeros.

use super::super::TableError;
use super::package::Package;
use super::part::{Element, Next, WorkbookPart};

/// Maximum number of styles per file, the same as in Excel.
const MAX: usize = 65_536;

/// What a number with a style stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShownAs {
    Number,
    /// A number with at least this many digits.
    Digits(u8),
    Date,
    /// A date with a time of day, or a time of day alone.
    DateTime,
    Duration,
}

/// The styles of cells, by index.
#[derive(Debug, Default)]
pub(super) struct Styles(Vec<ShownAs>);

impl Styles {
    /// Returns what a number with this style stands for.
    pub(super) fn of(&self, style: Option<&str>) -> ShownAs {
        let style = style.and_then(|style| style.parse::<usize>().ok()).unwrap_or_default();
        self.0.get(style).copied().unwrap_or(ShownAs::Number)
    }
}

/// Reads the part with the styles.
pub(super) fn read(package: &Package<'_>, part: &str) -> Result<Styles, TableError> {
    let Some(mut part) = WorkbookPart::open(package, part)? else { return Ok(Styles::default()) };
    let (mut formats, mut styles, mut in_cells): (Vec<(u32, ShownAs)>, _, _) = (Vec::new(), Vec::new(), false);
    loop {
        match part.next()? {
            Next::Start(element) => match element.name() {
                "numFmt" => formats.extend(format(&element)),
                "cellXfs" => in_cells = true,
                "xf" if in_cells => {
                    let [id] = element.attributes(["numFmtId"]);
                    let id = id.and_then(|id| id.parse().ok()).unwrap_or_default();
                    let own = formats.iter().rfind(|(known, _)| *known == id).map(|(_, shown)| *shown);
                    styles.push(own.unwrap_or_else(|| built_in(id)));
                }
                _ => {}
            },
            Next::End(end) => in_cells &= end.name() != "cellXfs",
            Next::Eof => return Ok(Styles(styles)),
            Next::Text(_) | Next::Other => {}
        }
        if styles.len() > MAX || formats.len() > MAX {
            return Err(part.damaged());
        }
    }
}

fn format(element: &Element<'_>) -> Option<(u32, ShownAs)> {
    let [id, code] = element.attributes(["numFmtId", "formatCode"]);
    Some((id?.parse().ok()?, shown(&code?)))
}

/// Returns the meaning of the formats that have no code in the file (ECMA-376, 18.8.30).
fn built_in(id: u32) -> ShownAs {
    match id {
        14..=17 | 27..=31 | 36 | 50..=54 | 57 | 58 => ShownAs::Date,
        18..=22 | 32..=35 | 45 | 47 | 55 | 56 => ShownAs::DateTime,
        46 => ShownAs::Duration,
        _ => ShownAs::Number,
    }
}

/// Returns what a format makes of a number. Its first section decides, without the literal text in it.
fn shown(code: &str) -> ShownAs {
    let (mut date, mut time) = (false, false);
    let mut characters = code.chars();
    while let Some(character) = characters.next() {
        match character.to_ascii_lowercase() {
            // The next character is literal or only adds space.
            '\\' | '_' | '*' => drop(characters.next()),
            '"' => drop(characters.find(|c| *c == '"')),
            '[' => {
                let inside: String = characters.by_ref().take_while(|c| *c != ']').collect();
                let inside = inside.to_ascii_lowercase();
                if !inside.is_empty() && ['h', 'm', 's'].iter().any(|unit| inside.trim_matches(*unit).is_empty()) {
                    return ShownAs::Duration;
                }
            }
            ';' => break,
            'y' | 'd' => date = true,
            'h' | 's' => time = true,
            // Months or minutes, depending on what comes before.
            'm' if !time => date = true,
            _ => {}
        }
    }
    let first = code.split(';').next().unwrap_or_default();
    match (date, time) {
        (_, true) => ShownAs::DateTime,
        (true, false) => ShownAs::Date,
        (false, false) if first.len() > 1 && first.bytes().all(|byte| byte == b'0') => {
            ShownAs::Digits(u8::try_from(first.len()).unwrap_or(u8::MAX))
        }
        (false, false) => ShownAs::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_tells_what_a_number_is() {
        for (code, expected) in [
            ("General", ShownAs::Number),
            ("0.00", ShownAs::Number),
            ("0", ShownAs::Number),
            ("#,##0\\ [$€-407]", ShownAs::Number),
            ("#,##0.0####\" YMD\"", ShownAs::Number),
            ("\\Y000000", ShownAs::Number),
            ("#,##0*y", ShownAs::Number),
            ("[Red]0;[Blue]d", ShownAs::Number),
            ("@", ShownAs::Number),
            ("00000", ShownAs::Digits(5)),
            ("0000;-0000", ShownAs::Digits(4)),
            ("yyyy\\-mm\\-dd", ShownAs::Date),
            ("[$-407]d/\\ mmmm\\ yyyy;@", ShownAs::Date),
            ("MMM", ShownAs::Date),
            ("DD.MM.YYYY\\ hh:mm", ShownAs::DateTime),
            ("h:mm AM/PM", ShownAs::DateTime),
            ("mm:ss", ShownAs::DateTime),
            ("[h]:mm:ss", ShownAs::Duration),
            ("[mm]:ss", ShownAs::Duration),
        ] {
            assert_eq!(shown(code), expected, "{code}");
        }
    }
}
