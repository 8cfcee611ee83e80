//! Comparison of texts that people type.
//!
//! The same name may come with a no-break space from a spreadsheet, composed from one system and decomposed from
//! another, or with a soft hyphen from a web page. All of these look the same, so they must compare equal.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizer;
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

/// Returns a text as it reads: composed (NFC, UAX #15), without control characters and characters that are not shown
/// (`Default_Ignorable_Code_Point` of UAX #44), with each run of white space, or of characters that look like it, as
/// one space, and none at the ends.
pub fn as_it_reads(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_control()) && !text.contains("  ") {
        return Cow::Borrowed(text);
    }
    let mut read = String::with_capacity(text.len());
    let mut blank = false;
    for character in text.chars() {
        if character.is_whitespace() || is_blank(character) {
            blank = !read.is_empty();
        } else if !is_unseen(character) {
            if std::mem::take(&mut blank) {
                read.push(' ');
            }
            read.push(character);
        }
    }
    match ComposingNormalizer::new_nfc().normalize(&read) {
        Cow::Borrowed(same) if same == text => Cow::Borrowed(text),
        Cow::Borrowed(_) => Cow::Owned(read),
        Cow::Owned(composed) => Cow::Owned(composed),
    }
}

/// Returns the same string for all texts that read the same, regardless of case.
pub fn folded(text: &str) -> String {
    let text = as_it_reads(text);
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Character by character, because `str::to_lowercase` writes a sigma differently at the end of a word.
    text.chars().flat_map(char::to_lowercase).map(|letter| if letter == 'ς' { 'σ' } else { letter }).collect()
}

/// Returns whether the character is invisible. White space does not count.
pub fn is_unseen(character: char) -> bool {
    !character.is_ascii_graphic()
        && (character.is_control()
            || is_blank(character)
            || matches!(character, '\u{fff9}'..='\u{fffb}')
            || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character))
}

/// Returns whether the character is a symbol or letter drawn as nothing: a Braille cell without dots, blanks of
/// hieroglyphs and of musical notation, a Khitan filler. Unicode has no property for these.
fn is_blank(character: char) -> bool {
    matches!(character, '\u{2800}' | '\u{13441}' | '\u{13442}' | '\u{16fe4}' | '\u{1d159}')
}

/// Returns whether a text contains invisible characters.
pub fn holds_unseen(text: &str) -> bool {
    text.chars().any(|character| !character.is_whitespace() && is_unseen(character))
}

/// Returns the invisible characters of a text as escapes.
pub fn unseen(text: &str) -> String {
    let unseen = text.chars().filter(|character| !character.is_whitespace() && is_unseen(*character));
    unseen.flat_map(char::escape_unicode).collect()
}

/// Returns a text in quotes for messages, with invisible characters and white space other than a space as escapes.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' ' => quoted.push(' '),
            _ if character.is_whitespace() || is_unseen(character) => quoted.extend(character.escape_unicode()),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_the_same_is_the_same() {
        for (written, reads) in [
            (" Tech Support\t", "Tech Support"),
            ("Tech\u{a0}Support", "Tech Support"),
            ("Tech \u{2009}\n Support", "Tech Support"),
            ("Bi\u{ad}lling\u{200b}", "Billing"),
            ("\u{feff}Billing \u{200e}", "Billing"),
            ("Gestio\u{301}n", "Gestión"),
            ("Gestio\u{200b}\u{301}n", "Gestión"),
            ("\u{200b}", ""),
            ("a\u{0}b\u{7}", "ab"),
            ("日本\u{3000}語", "日本 語"),
            ("\u{2800}Tech\u{2800} Support", "Tech Support"),
            ("\u{2800}", ""),
            ("\u{3164}\u{115f}\u{1160}\u{ffa0}\u{13441}\u{1d159}", ""),
            ("007", "007"),
        ] {
            assert_eq!(as_it_reads(written), reads, "{written:?}");
            assert_eq!(as_it_reads(reads), reads);
            assert_eq!(folded(written), folded(reads));
        }
        assert!(matches!(as_it_reads("Gestión"), Cow::Borrowed(_)));
    }

    #[test]
    fn case_is_no_difference() {
        for (one, other) in [("BILLING", "billing"), ("GESTIÓN", "gestio\u{301}n"), ("ΟΔΟΣ", "οδος"), ("\u{212a}", "k")]
        {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("Billing"), folded("Ｂilling"), "that it looks alike is another question");
        assert_ne!(folded("Masse"), folded("Maße"));
    }

    #[test]
    fn a_message_shows_what_nobody_sees() {
        assert_eq!(quoted("Bi\u{ad}lling\u{a0}T2"), r#""Bi\u{ad}lling\u{a0}T2""#);
        assert_eq!(quoted("Gestión \"1\" \\"), r#""Gestión \"1\" \\""#);
        assert!(holds_unseen("\u{2800}") && holds_unseen("\u{3164}"));
        assert!(holds_unseen("\u{feff}Billing") && !holds_unseen("Tech\u{a0}\t日本語"));
    }
}
