//! Builds URLs of outgoing calls, so that text from outside stays in its place, and tells which URLs are local.

use std::fmt::Write as _;

use url::{Host, Url};

/// Error: a text cannot be part of a URL. Does not contain the text, which may be someone's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id cannot be part of a URL, where an empty name, . and .. have a special meaning")]
pub struct OutOfPlace;

/// Stands in for a text, to find out where the parser puts it.
const PROBE: &str = "skillsync-holds-this-place";

/// Fills a text into a URL template, as a segment of the path or as a value of the query.
///
/// Invariant: the text stays where it was put, as a single part, and affects nothing around it. The check examines the
/// parsed URL, because parsing also takes `%2E%2E` for a step up, and the examined URL is the one that is called.
pub fn fill(template: &str, place: &str, text: &str) -> Result<Url, OutOfPlace> {
    let parsed = |text: &str| Url::parse(&template.replace(place, text)).map_err(|_| OutOfPlace);
    let written = encode(text);
    let url = parsed(&written)?;
    let stays = url.as_str() == parsed(PROBE)?.as_str().replace(PROBE, &written);
    if stays && !text.is_empty() { Ok(url) } else { Err(OutOfPlace) }
}

/// Encodes a text as one segment of a path. Fails if the text cannot be one.
pub fn segment(text: &str) -> Result<String, OutOfPlace> {
    fill("http://host/{}/end", "{}", text)?;
    Ok(encode(text))
}

/// Percent-encodes everything outside `A-Z a-z 0-9 - . _ ~`.
pub fn encode(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => written.push(char::from(byte)),
            _ => drop(write!(written, "%{byte:02X}")),
        }
    }
    written
}

/// Returns whether only this machine can be behind a URL, so that calls to it need no TLS.
pub fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

/// Texts that try to leave their place, and whether they can be one segment of a path.
#[cfg(test)]
pub(crate) fn hostile() -> Vec<(String, bool)> {
    let refused = ["", ".", ".."].map(|text| (text.to_owned(), false));
    let kept = [
        "%2e%2e",
        "%2E.",
        ".%2e",
        "%2e",
        "..;",
        "...",
        "../x",
        "a/../b",
        "a\\..",
        "..\\",
        "..\t",
        "\t..",
        ".\n.",
        ".\r.",
        " ..",
        "?",
        "#",
        "?x=1#y",
        "\0",
        "a\tb",
        "a\nb",
        "//evil.example/",
        "@evil.example",
        ":80",
        "{id}",
        "{}",
        "é",
        "\u{202e}",
        "\u{ff0e}\u{ff0e}",
        "%",
        "%zz",
        "+",
        "a b",
    ];
    let kept = kept.map(|text| (text.to_owned(), true));
    refused.into_iter().chain(kept).chain([("a/".repeat(5000), true)]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(segment: &str) -> String {
        let mut bytes = segment.bytes();
        let mut text = Vec::new();
        while let Some(byte) = bytes.next() {
            let mut digit = || char::from(bytes.next().unwrap()).to_digit(16).unwrap();
            text.push(if byte == b'%' { u8::try_from(digit() * 16 + digit()).unwrap() } else { byte });
        }
        String::from_utf8(text).unwrap()
    }

    /// A text is one segment, exactly the one it spells, or is refused.
    fn stays(text: &str) -> bool {
        let Ok(url) = fill("https://hr.example:8443/people/{id}/export?of={id}", "{id}", text) else { return false };
        let segments: Vec<_> = url.path_segments().unwrap().collect();
        let [people, id, export] = segments.as_slice() else { panic!("{text:?} has become {segments:?}") };
        assert_eq!((*people, decoded(id).as_str(), *export), ("people", text, "export"));
        assert_eq!(
            (url.host_str(), url.port(), url.username(), url.fragment()),
            (Some("hr.example"), Some(8443), "", None)
        );
        assert_eq!(decoded(url.query().unwrap().strip_prefix("of=").unwrap()), text);
        true
    }

    #[test]
    fn a_text_stays_in_its_place_or_is_refused() {
        for (text, can_be_one) in hostile() {
            assert_eq!(stays(&text), can_be_one, "{text:?}");
            assert_eq!(segment(&text).is_ok(), can_be_one, "{text:?}");
        }
    }

    #[test]
    fn what_the_template_has_beside_the_place_counts_as_well() {
        assert!(fill("https://x/a/.{id}/b", "{id}", ".").is_err());
        assert!(fill("https://x/a/%2e{id}", "{id}", ".").is_err());
        assert!(fill("https://x/a/v{id}", "{id}", ".").is_ok());
        assert!(fill("https://x/a?id={id}", "{id}", "..").is_ok(), "in a query it means nothing");
    }

    #[test]
    fn local_is_what_parses_as_this_machine() {
        for (address, local) in [
            ("http://localhost/", true),
            ("http://LOCALHOST:1/", true),
            ("http://127.0.0.1/", true),
            ("http://127.9.9.9/", true),
            ("http://0x7f.1/", true),
            ("http://[::1]/", true),
            ("http://127.evil.example/", false),
            ("http://localhost.evil.example/", false),
            ("http://127.0.0.1@evil.example/", false),
            ("http://128.0.0.1/", false),
            ("http://[::2]/", false),
            ("http://10.0.0.1/", false),
            ("data:127.0.0.1", false),
        ] {
            assert_eq!(is_local(&Url::parse(address).unwrap()), local, "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_place(text in "([.%25eE2/\\\\?#;\t\n\r a]|\\PC){0,12}") {
            prop_assert_eq!(stays(&text), !matches!(text.as_str(), "" | "." | ".."));
        }
    }
}
