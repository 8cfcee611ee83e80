//! Recognises bodies whose notation was changed after they were signed.

use std::borrow::Cow;

/// A change of notation that leaves the content of a body as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Altered {
    /// A byte order mark was added or removed.
    ByteOrderMark,
    /// The line break at the end differs.
    LastLineBreak,
    /// Line breaks differ.
    LineBreaks,
    /// Whitespace outside of JSON texts differs.
    JsonSpaces,
}

/// Maximum size in bytes of a body that is examined. The examination is done for any caller, and computes a signature
/// for each form.
const MAX_BYTES: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Altered {
    /// Describes what was done to the body.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "with its byte order mark added or removed",
            Self::LastLineBreak => "with a different line break at its end, or none",
            Self::LineBreaks => "with different line breaks",
            Self::JsonSpaces => "with different whitespace in its JSON",
        }
    }
}

/// Returns the forms that a body may have had before, each with what was done to it since.
pub(super) fn forms(body: &[u8]) -> Vec<(Altered, Cow<'_, [u8]>)> {
    if body.len() > MAX_BYTES {
        return Vec::new();
    }
    let marked = match body.strip_prefix(BYTE_ORDER_MARK) {
        Some(bare) => Cow::Borrowed(bare),
        None => Cow::Owned([BYTE_ORDER_MARK, body].concat()),
    };
    let mut forms = vec![(Altered::ByteOrderMark, marked)];
    let ended = body.trim_ascii_end();
    for end in [&b""[..], b"\n", b"\r\n"] {
        forms.push((Altered::LastLineBreak, Cow::Owned([ended, end].concat())));
    }
    let line_feeds: Vec<u8> = body.iter().copied().filter(|byte| *byte != b'\r').collect();
    let both =
        line_feeds.iter().flat_map(|byte| if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) });
    forms.push((Altered::LineBreaks, Cow::Owned(both.copied().collect())));
    forms.push((Altered::LineBreaks, Cow::Owned(line_feeds)));
    for spaces in [Spaces::None, Spaces::One, Spaces::Indent(2), Spaces::Indent(4)] {
        forms.push((Altered::JsonSpaces, Cow::Owned(respaced(body, spaces))));
    }
    forms
}

/// Where JSON writers insert whitespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spaces {
    /// No whitespace.
    None,
    /// One space after each comma and colon.
    One,
    /// A line for each member and element, indented by this many spaces per level.
    Indent(usize),
}

/// Rewrites a JSON text with other whitespace. Nothing is parsed, so everything else stays as it is. Output that grows
/// many times as large, as that of endless brackets does, is cut off, because no sender signs such a body.
fn respaced(json: &[u8], spaces: Spaces) -> Vec<u8> {
    const MAX_TIMES: usize = 8;
    const MAX_DEPTH: usize = 32;
    let mut written = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut escaped, mut opened) = (0_usize, false, false, false);
    let line = |written: &mut Vec<u8>, depth: usize| {
        if let Spaces::Indent(width) = spaces {
            written.push(b'\n');
            written.resize(written.len() + width * depth.min(MAX_DEPTH), b' ');
        }
    };
    for &byte in json {
        if written.len() > json.len() * MAX_TIMES {
            break;
        }
        if in_text {
            written.push(byte);
            in_text = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        if byte.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(byte, b'}' | b']');
        if closes {
            depth = depth.saturating_sub(1);
        }
        // The brackets of an empty object or array stay on one line.
        if opened != closes {
            line(&mut written, depth);
        }
        opened = matches!(byte, b'{' | b'[');
        written.push(byte);
        match byte {
            b'{' | b'[' => depth += 1,
            b'"' => in_text = true,
            b',' if spaces == Spaces::One => written.push(b' '),
            b',' => line(&mut written, depth),
            b':' if spaces != Spaces::None => written.push(b' '),
            _ => {}
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn json_is_written_as_its_writers_do() {
        let value = json!({"a": [1, {"b": "x, y: \"{z}\" \\"}, [], {}], "c": null});
        let (compact, indented) = (value.to_string(), serde_json::to_string_pretty(&value).unwrap());
        let one = r#"{"a": [1, {"b": "x, y: \"{z}\" \\"}, [], {}], "c": null}"#;
        for from in [&*compact, &*indented, one] {
            let written = |spaces| String::from_utf8(respaced(from.as_bytes(), spaces)).unwrap();
            assert_eq!(written(Spaces::None), compact);
            assert_eq!(written(Spaces::One), one);
            assert_eq!(written(Spaces::Indent(2)), indented);
            assert_eq!(serde_json::from_str::<Value>(&written(Spaces::Indent(4))).unwrap(), value);
        }
    }

    #[test]
    fn what_is_no_json_is_written_in_bounds() {
        for noise in [vec![b'['; 10_000], vec![b'}'; 10_000], b"[{\"".repeat(3_000), b",".repeat(10_000)] {
            for (_, form) in forms(&noise) {
                assert!(form.len() <= noise.len() * 8 + 200, "{}", form.len());
            }
        }
        assert!(forms(&vec![b' '; MAX_BYTES + 1]).is_empty());
    }
}
