//! `genesys.limits`: how many calls are permitted per time window.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// Call limits in the notation `10/1s, 300/60s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLimits(pub Vec<(NonZeroU32, Duration)>);

impl Default for CallLimits {
    /// The default limit of an OAuth client, 300 calls per minute, and the 10 calls per second that the original client
    /// kept to.
    fn default() -> Self {
        let calls = |n: u32| NonZeroU32::MIN.saturating_add(n - 1);
        Self(vec![(calls(10), Duration::from_secs(1)), (calls(300), Duration::from_secs(60))])
    }
}

impl FromStr for CallLimits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let windows = text.split(',').map(|window| {
            let (calls, period) = window.trim().split_once('/')?;
            let period = super::parse_duration(period).filter(|period| !period.is_zero())?;
            Some((calls.trim().parse().ok()?, period))
        });
        windows
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not a list of limits such as \"10/1s, 300/60s\""))
    }
}

impl<'de> Deserialize<'de> for CallLimits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
