//! Deserializes percentages.

use serde::{Deserialize, Deserializer, de};

/// Deserializes a whole number from 0 to 100.
pub(super) fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let percent = u8::deserialize(deserializer)?;
    if percent > 100 {
        return Err(de::Error::custom(format!("{percent} is not a percentage from 0 to 100")));
    }
    Ok(percent)
}
