//! What an answer of Genesys says about its limits.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;

/// Longer waits are not believed; they also keep far-off instants within the clock's range.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// The namespace of the limits that hold for all routes together.
const PLATFORM: &str = "platform.api";

/// A 429.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Throttled {
    /// How long to wait, if the answer says it.
    pub(super) length: Option<Duration>,
    /// Whether the answer names a limit that belongs to a single service and not to the whole platform.
    pub(super) one_service: bool,
}

impl Throttled {
    /// Recognises it by its status alone, as its code changed over time.
    pub(super) fn of(response: &Response<Bytes>) -> Option<Self> {
        if response.status() != StatusCode::TOO_MANY_REQUESTS {
            return None;
        }
        let headers = response.headers();
        // Zero is no wait at all, which cannot be meant by a refusal: it counts as missing.
        let wait = |name| seconds(headers, name).filter(|wait| !wait.is_zero());
        let length = wait("retry-after").or_else(|| wait("inin-ratelimit-reset"));
        let body: ErrorBody = serde_json::from_slice(response.body()).unwrap_or_default();
        let namespace = body.limit.and_then(|limit| limit.namespace);
        Some(Self { length, one_service: namespace.is_some_and(|name| !name.eq_ignore_ascii_case(PLATFORM)) })
    }
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    limit: Option<NamedLimit>,
}

#[derive(Deserialize)]
struct NamedLimit {
    namespace: Option<String>,
}

/// Genesys' own count of the calls in its current window: a hint that may be missing at any time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WindowCount {
    pub(super) used: u32,
    pub(super) allowed: u32,
    pub(super) reset: Duration,
}

impl WindowCount {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        Some(Self {
            used: number(headers, "inin-ratelimit-count")?,
            allowed: number(headers, "inin-ratelimit-allowed")?,
            reset: seconds(headers, "inin-ratelimit-reset")?,
        })
    }
}

fn seconds(headers: &HeaderMap, name: &str) -> Option<Duration> {
    let wait = Duration::from_secs(number(headers, name)?);
    Some(wait.min(LONGEST))
}

fn number<N: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<N> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn too_many(headers: &[(&str, &str)], body: &'static str) -> Option<Throttled> {
        let mut response = Response::builder().status(429);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        Throttled::of(&response.body(Bytes::from_static(body.as_bytes())).unwrap())
    }

    #[test]
    fn a_429_says_for_how_long_and_for_which_service() {
        let secs = |n| Some(Duration::from_secs(n));
        let named = r#"{"code":"too.many.requests","limit":{"key":"k","namespace":"users","value":7}}"#;
        let platform = r#"{"limit":{"namespace":"platform.api"}}"#;
        for (headers, body, length, one_service) in [
            (&[("retry-after", "42")][..], "", secs(42), false),
            (&[("retry-after", " 7 ")], named, secs(7), true),
            (&[("retry-after", "7"), ("inin-ratelimit-reset", "9")], platform, secs(7), false),
            (&[("inin-ratelimit-reset", "9")], r#"{"limit":null}"#, secs(9), false),
            (&[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], "<html>", None, false),
            (&[("retry-after", "18446744073709551615")], r#"{"limit":{"namespace":null}}"#, Some(LONGEST), false),
            (&[("retry-after", "18446744073709551616")], r#"{"limit":7}"#, None, false),
            (&[("retry-after", "-1")], "", None, false),
            (&[("retry-after", "0"), ("inin-ratelimit-reset", "0")], "", None, false),
        ] {
            assert_eq!(too_many(headers, body), Some(Throttled { length, one_service }), "{headers:?} {body}");
        }
        assert_eq!(Throttled::of(&Response::new(Bytes::new())), None);
    }

    #[test]
    fn an_incomplete_count_is_no_count() {
        let mut headers = HeaderMap::new();
        headers.insert("inin-ratelimit-count", "12".parse().unwrap());
        headers.insert("inin-ratelimit-allowed", "300".parse().unwrap());
        assert_eq!(WindowCount::of(&headers), None);
        headers.insert("inin-ratelimit-reset", "30".parse().unwrap());
        let complete = WindowCount { used: 12, allowed: 300, reset: Duration::from_secs(30) };
        assert_eq!(WindowCount::of(&headers), Some(complete));
    }
}
