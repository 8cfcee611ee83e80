//! Truncates texts from Genesys.

/// Maximum number of characters of a text from Genesys that are kept.
const MAX_TEXT_LENGTH: usize = 500;

/// Returns as much of a text from outside as is kept, shown and logged.
pub(super) fn shortened(mut text: String) -> Box<str> {
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT_LENGTH) {
        text.truncate(end);
    }
    text.into()
}
