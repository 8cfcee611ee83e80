//! Finds the delimiter of a CSV file in the line that names the columns.
//!
//! Usually, only one of the three candidates occurs outside of quotation marks. If several do, those that are followed
//! by a blank each time are text (`Nr;Name, first`), because no program writes a blank after a delimiter. If that
//! leaves more than one, the delimiter cannot be told, and the file has to name it with the line `sep=;`, which Excel
//! understands.

/// The delimiters in common use.
const DELIMITERS: [(u8, &str); 3] = [(b',', "a comma"), (b';', "a semicolon"), (b'\t', "a tab")];

/// The result of examining the beginning of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DelimiterLook {
    /// The line that names the columns is not complete yet.
    NeedsMore,
    /// The delimiter, and the number of bytes before the first row, taken up by a line that names the delimiter.
    Found { delimiter: u8, skipped: usize },
    /// Why the delimiter cannot be told, for the line that begins at this byte.
    Unclear { at: usize, why: String },
}

/// Examines the beginning of a text. `whole` means that nothing follows it.
pub(super) fn look(text: &str, whole: bool) -> DelimiterLook {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(length) = line(rest, whole) else { return DelimiterLook::NeedsMore };
        let (line, following) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if let Some(said) = said(line) {
            return match DELIMITERS.iter().find(|(delimiter, _)| said.as_bytes() == [*delimiter]) {
                Some((delimiter, _)) => DelimiterLook::Found { delimiter: *delimiter, skipped: at + length },
                None => DelimiterLook::Unclear {
                    at,
                    why: "has sep= with neither a comma, a semicolon nor a tab".to_owned(),
                },
            };
        }
        let is_blank = line.chars().all(|c| c.is_whitespace() || ",;\"".contains(c));
        if !is_blank || (whole && following.is_empty()) {
            return match told_by(line) {
                Ok(delimiter) => DelimiterLook::Found { delimiter, skipped: 0 },
                Err(why) => DelimiterLook::Unclear { at, why },
            };
        }
        at += length;
    }
}

/// Returns the length of the first line including its end, if it is complete. A line break within quotation marks does
/// not end it.
fn line(text: &str, whole: bool) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    whole.then_some(text.len())
}

/// Returns the delimiter named by a line such as `sep=;`.
fn said(line: &str) -> Option<&str> {
    let line = line.trim_matches(['\r', '\n', ' ']).trim_matches('"');
    let (name, said) = line.split_at_checked(4)?;
    name.eq_ignore_ascii_case("sep=").then_some(said)
}

fn told_by(line: &str) -> Result<u8, String> {
    let (mut quoted, mut counts) = (false, [(0_usize, 0_usize); DELIMITERS.len()]);
    let mut bytes = line.bytes().peekable();
    while let Some(byte) = bytes.next() {
        quoted ^= byte == b'"';
        let delimiter = DELIMITERS.iter().zip(&mut counts).find(|((delimiter, _), _)| *delimiter == byte && !quoted);
        if let Some((_, (all, without_blank))) = delimiter {
            *all += 1;
            *without_blank += usize::from(bytes.peek() != Some(&b' '));
        }
    }
    let those = |such: fn(&(usize, usize)) -> bool| {
        let all = DELIMITERS.iter().zip(&counts).filter(move |(_, counts)| such(counts));
        all.map(|(delimiter, _)| *delimiter).collect::<Vec<_>>()
    };
    match (those(|(all, _)| *all > 0).as_slice(), those(|(_, without_blank)| *without_blank > 0).as_slice()) {
        // A single column: there is nothing to separate, so any delimiter will do.
        ([], _) => Ok(b','),
        ([(only, _)], _) | (_, [(only, _)]) => Ok(*only),
        (several, _) => {
            let names: Vec<_> = several.iter().map(|(_, name)| *name).collect();
            Err(format!(
                "can be split in several ways: it contains {}; put the names in quotation marks, or add a line like sep=; \
                 before this one to name the delimiter",
                names.join(" and ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_names_tells_what_separates_them() {
        for (text, delimiter) in [
            ("ref,email\n1;2;3,4\n", b','),
            ("ref;email\n1,2,3;4\n", b';'),
            ("ref\temail\r\n", b'\t'),
            ("ref\n", b','),
            ("", b','),
            ("\"a,b\";c\n", b';'),
            ("\"a\nb,c\";d\n", b';'),
            ("Nr;Name, first;Title\n", b';'),
            ("Nr\tName, first; title\n", b'\t'),
            ("ref, email, assignments\n", b','),
            ("\r\n,,,\n \n;;\na;b\n", b';'),
        ] {
            assert_eq!(look(text, true), DelimiterLook::Found { delimiter, skipped: 0 }, "{text:?}");
        }
        for unclear in ["a,b;c\n", "a;b\tc", "a, b; c\n"] {
            let DelimiterLook::Unclear { at: 0, why } = look(unclear, true) else { panic!("{unclear}") };
            assert!(why.contains("sep=;"), "{why}");
        }
    }

    #[test]
    fn a_file_may_say_it_itself() {
        for (text, delimiter, skipped) in
            [("sep=;\r\na,b;c\n", b';', 6), ("\"SEP=,\"\na\n", b',', 8), ("sep=\t\na\n", b'\t', 6), ("sep=,", b',', 5)]
        {
            assert_eq!(look(text, true), DelimiterLook::Found { delimiter, skipped }, "{text:?}");
        }
        assert!(matches!(look("sep=|\na|b\n", true), DelimiterLook::Unclear { .. }));
        assert!(matches!(look("sep=\na\n", true), DelimiterLook::Unclear { .. }));
    }

    #[test]
    fn half_a_line_tells_nothing() {
        for text in ["", "a,b", "\"a\nb", "\n,,\n", "sep=;"] {
            assert_eq!(look(text, false), DelimiterLook::NeedsMore, "{text:?}");
        }
    }
}
