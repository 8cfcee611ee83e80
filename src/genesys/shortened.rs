//! Texts of Genesys, cut to what is kept, shown and logged.

/// Characters of a text of Genesys that are kept.
const MAX_TEXT_LENGTH: usize = 500;

/// As much of a text from outside as is kept, shown and logged.
pub(super) fn shortened(mut text: String) -> Box<str> {
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT_LENGTH) {
        text.truncate(end);
    }
    text.into()
}
