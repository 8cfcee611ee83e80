//! Protects CSV cells that a spreadsheet would evaluate as formulas, and removes the protection when they come back.
//!
//! Users open a downloaded CSV file in a spreadsheet, correct it and submit it again. The spreadsheet evaluates a cell
//! like `=1+1`, and some formulas start programs or send the contents of other cells elsewhere.

use std::borrow::Cow;

/// Returns whether a spreadsheet would evaluate the text as a formula, ignoring leading apostrophes.
///
/// Invariant: adding or removing a leading apostrophe does not change the result. [`guarded`] and [`unguarded`]
/// therefore undo each other for all texts, including those that begin with apostrophes themselves.
fn is_guardable(text: &str) -> bool {
    let bare = text.trim_start_matches('\'');
    bare.starts_with(['\t', '\r', '\n']) || begins_a_formula(bare)
}

/// Returns whether the first character after leading white space starts a formula.
pub(in crate::api) fn begins_a_formula(text: &str) -> bool {
    text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
}

/// Returns the text as a cell, with an apostrophe in front if a spreadsheet would evaluate it.
pub(in crate::api) fn guarded(text: &str) -> Cow<'_, str> {
    if is_guardable(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// Returns the text of a cell without the apostrophe that [`guarded`] put in front.
pub(in crate::api) fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|_| is_guardable(cell)).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_begins_like_a_formula_gets_an_apostrophe() {
        for text in [
            "=1+1", "+1", "-5", "@SUM(1)", " =1", "\u{a0}=1", "\t1", "\r1", "\n1", "＝1", "＋1", "－1", "＠1", "'=1",
            "''-",
        ] {
            assert_eq!(guarded(text), format!("'{text}"));
        }
        for text in ["", "1", "a=1", "'", "'a", "''", "O'Neill", "'t Hooft", "' '=1", "\\=1", "−1", "e-5"] {
            assert_eq!((guarded(text).as_ref(), unguarded(text)), (text, text));
        }
        assert_eq!(unguarded("=1"), "=1", "what nobody guarded is what it is");
    }

    proptest! {
        #[test]
        fn what_is_guarded_is_no_formula_and_comes_back_as_it_was(text in "(['=+@\t\r\n \u{a0}＝－a-]|\\PC){0,8}") {
            let cell = guarded(&text);
            prop_assert_eq!(unguarded(&cell), text.as_str());
            prop_assert!(!begins_a_formula(&cell) && !cell.starts_with(['\t', '\r', '\n']), "{:?}", cell);
        }
    }
}
