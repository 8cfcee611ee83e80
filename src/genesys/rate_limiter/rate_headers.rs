//! Extracts what an answer of Genesys says about its limits.

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use super::limits::WindowLimit;
use crate::retry_after::{retry_after, wait_named};

/// Header that says when the window of the exceeded limit starts anew.
const RESET: &str = "inin-ratelimit-reset";
/// Namespace of the limits that apply to all routes together.
const PLATFORM: &str = "platform.api";

/// Content of a 429.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Throttled {
    /// How long to wait, if the answer says so.
    pub(super) length: Option<Duration>,
    /// Whether the answer names a limit of a single service rather than of the whole platform.
    pub(super) one_service: bool,
    /// The limit that was exceeded, if the answer gives calls and period.
    pub(super) limit: Option<WindowLimit>,
}

impl Throttled {
    /// Recognises a 429 by its status alone, because its error code has changed over time.
    pub(super) fn of(response: &Response<Bytes>, now: Timestamp) -> Option<Self> {
        if response.status() != StatusCode::TOO_MANY_REQUESTS {
            return None;
        }
        let headers = response.headers();
        let length = retry_after(headers, now).or_else(|| wait_named(headers, RESET, now));
        let body: RateErrorBody = serde_json::from_slice(response.body()).unwrap_or_default();
        let named = body.limit.unwrap_or_default();
        let limit = named.limit();
        let one_service = named.namespace.is_some_and(|name| !name.eq_ignore_ascii_case(PLATFORM));
        Some(Self { length, one_service, limit })
    }
}

#[derive(Default, Deserialize)]
struct RateErrorBody {
    limit: Option<NamedLimit>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamedLimit {
    key: Option<String>,
    namespace: Option<String>,
    value: Option<u32>,
}

impl NamedLimit {
    /// Returns the limit. Only the end of the key gives the period, as in `skill.assign.rate.per.minute`.
    fn limit(&self) -> Option<WindowLimit> {
        let period = match self.key.as_deref()?.rsplit('.').next()? {
            "second" => 1,
            "minute" => 60,
            "hour" => 3600,
            "day" => 24 * 3600,
            _ => return None,
        };
        Some(WindowLimit { calls: NonZeroU32::new(self.value?)?, period: Duration::from_secs(period) })
    }
}

/// Genesys' own count of the calls in its current window (`inin-ratelimit-*`): a hint that may be missing at any time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WindowCount {
    pub(super) used: u32,
    pub(super) allowed: u32,
    pub(super) reset: Duration,
}

impl WindowCount {
    pub(super) fn of(headers: &HeaderMap, now: Timestamp) -> Option<Self> {
        Some(Self {
            used: number(headers, "inin-ratelimit-count")?,
            allowed: number(headers, "inin-ratelimit-allowed")?,
            reset: wait_named(headers, RESET, now)?,
        })
    }
}

fn number<N: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<N> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-10-21T07:00:00Z".parse().unwrap()
    }

    fn too_many(headers: &[(&str, &str)], body: &'static str) -> Option<Throttled> {
        let mut response = Response::builder().status(429);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        Throttled::of(&response.body(Bytes::from_static(body.as_bytes())).unwrap(), now())
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
            (&[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], "<html>", secs(28 * 60), false),
            (&[("retry-after", "1795896000")], r#"{"limit":{"namespace":null}}"#, secs(3600), false),
            (&[("retry-after", "18446744073709551616")], r#"{"limit":7}"#, None, false),
            (&[("retry-after", "soon"), ("inin-ratelimit-reset", "1792566009")], "", secs(9), false),
            (&[("retry-after", "-1")], "", None, false),
            (&[("retry-after", "0"), ("inin-ratelimit-reset", "0")], "", None, false),
        ] {
            assert_eq!(
                too_many(headers, body),
                Some(Throttled { length, one_service, limit: None }),
                "{headers:?} {body}"
            );
        }
        assert_eq!(Throttled::of(&Response::new(Bytes::new()), now()), None);
    }

    #[test]
    fn a_limit_is_learned_only_if_both_its_calls_and_its_period_are_told() {
        for (limit, expected) in [
            (r#"{"key":"skill.assign.rate.per.minute","namespace":"routing","value":30}"#, Some((30, 60))),
            (r#"{"key":"rate.per.second","value":3}"#, Some((3, 1))),
            (r#"{"key":"rate.per.minute"}"#, None),
            (r#"{"key":"rate.per.minute","value":0}"#, None),
            (r#"{"key":"concurrent","value":30}"#, None),
        ] {
            let body: RateErrorBody = serde_json::from_str(&format!(r#"{{"limit":{limit}}}"#)).unwrap();
            let told = body.limit.unwrap().limit().map(|told| (told.calls.get(), told.period.as_secs()));
            assert_eq!(told, expected, "{limit}");
        }
    }

    #[test]
    fn an_incomplete_count_is_no_count() {
        let mut headers = HeaderMap::new();
        headers.insert("inin-ratelimit-count", "12".parse().unwrap());
        headers.insert("inin-ratelimit-allowed", "300".parse().unwrap());
        assert_eq!(WindowCount::of(&headers, now()), None);
        headers.insert("inin-ratelimit-reset", "30".parse().unwrap());
        let complete = WindowCount { used: 12, allowed: 300, reset: Duration::from_secs(30) };
        assert_eq!(WindowCount::of(&headers, now()), Some(complete));
    }
}
