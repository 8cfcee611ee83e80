//! Output to people. Text from elsewhere is printed as text and cannot control the terminal.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

/// Returns whether a character has an effect beyond its glyph: control characters (ESC begins sequences that move the
/// cursor, clear the screen and set the title), line separators, and characters that change the text direction.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A writer that replaces active characters with visible escapes, as in JSON.
///
/// Invariant: everything printed to people, by a command or as a log line, passes through this type. Only the functions
/// below end lines; a line break within a text cannot start a new line.
pub(crate) struct Plain<W> {
    inner: W,
    keeps_lines: bool,
}

impl<W: fmt::Write> Plain<W> {
    /// Returns a writer that also escapes line breaks and tabs.
    pub(crate) fn line(inner: W) -> Self {
        Self { inner, keeps_lines: false }
    }
}

impl<W: fmt::Write> fmt::Write for Plain<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, found)) = rest.char_indices().find(|(_, character)| acts(*character)) {
            let (before, after) = rest.split_at(at);
            self.inner.write_str(before)?;
            match found {
                '\n' | '\t' if self.keeps_lines => self.inner.write_char(found)?,
                '\n' => self.inner.write_str("\\n")?,
                '\r' => self.inner.write_str("\\r")?,
                '\t' => self.inner.write_str("\\t")?,
                // All of these characters fit into four digits.
                other => write!(self.inner, "\\u{:04x}", u32::from(other))?,
            }
            rest = after.get(found.len_utf8()..).unwrap_or_default();
        }
        self.inner.write_str(rest)
    }
}

/// Returns a text in which every active character, including line breaks, is escaped.
pub(crate) fn plain(text: fmt::Arguments<'_>) -> String {
    shown(text, false)
}

fn shown(text: fmt::Arguments<'_>, keeps_lines: bool) -> String {
    let mut plain = Plain { inner: String::new(), keeps_lines };
    // Fails only if an argument fails to format; the rest is still shown.
    let _ = plain.write_fmt(text);
    plain.inner
}

/// Prints one line to standard output. Ignores errors, because the reader may have closed the pipe.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{}", plain(text));
}

/// Prints a multi-line text of skillsync to standard output. Embedded text from elsewhere is already escaped or JSON.
pub(crate) fn text(text: fmt::Arguments<'_>) {
    let _ = write!(io::stdout(), "{}", shown(text, true));
}

/// Prints one line to standard error.
pub(crate) fn note(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{}", plain(text));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_is_shown_instead() {
        let evil = "\u{1b}]0;pwned\u{7}\u{1b}[2J\u{202e}\r\nfake line\u{9b}31m\u{2067}\u{2028}\u{7f}\t";
        assert_eq!(
            plain(format_args!("said: {evil}.")),
            "said: \\u001b]0;pwned\\u0007\\u001b[2J\\u202e\\r\\nfake line\\u009b31m\\u2067\\u2028\\u007f\\t."
        );
        assert_eq!(plain(format_args!("Zoë «1 → 2» 日本語 👩\u{200d}🔧")), "Zoë «1 → 2» 日本語 👩\u{200d}🔧");
    }

    #[test]
    fn a_document_keeps_its_lines_and_stays_json() {
        let document = serde_json::json!({ "message": "\u{1b}[2J\u{9b}\u{202e}\n" });
        let written = shown(format_args!("{document:#}\n"), true);
        assert!(written.ends_with("\n}\n") && !written.contains(['\u{9b}', '\u{202e}']), "{written}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), document);
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text in "(\\PC|[\\x00-\\x1f\\x7f-\\u{9f}\u{202e}\u{2066}]){0,40}") {
            let shown = plain(format_args!("{text}"));
            prop_assert!(!shown.chars().any(acts));
        }
    }
}
