//! `[[server.api_keys]]`: who may call the API, and what each caller may do.

use std::collections::BTreeSet;

use documented::DocumentedFields;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};

use super::{ConfigError, SourceTarget, WebhookConfig, contradiction};

/// What a key permits; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyRole {
    /// Read only.
    Read,
    /// Also submit, cancel and repeat jobs.
    Submit,
    /// Everything, including jobs held by a removal threshold.
    Admin,
}

/// One API key. The configuration contains only its digest, so reading the configuration does not let anyone call the
/// API.
///
/// To create a key: `openssl rand -hex 32 | tee key | tr -d '
/// ' | sha256sum`. The file `key` is for the caller, the digest for the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, DocumentedFields)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyConfig {
    /// Name of the key's holder, as it appears in logs and in the audit record.
    pub name: String,
    /// SHA-256 of the key in hexadecimal; the key itself never appears in the configuration.
    #[serde(deserialize_with = "digest")]
    pub sha256: [u8; 32],
    /// read, submit (read, and submit or cancel jobs) or admin (everything).
    pub role: KeyRole,
    /// Targets that the key may change. By default all.
    pub targets: Option<Vec<SourceTarget>>,
    /// Modes of the jobs that the key may submit. By default all.
    pub modes: Option<Vec<KeyMode>>,
    /// Restricts the key to importing exports of these sources.
    pub sources: Option<Vec<String>>,
    /// Owners of the jobs that the key may submit. A job that names no owner gets the first one. By default all.
    pub owners: Option<Vec<String>>,
    /// Time from which the key is no longer accepted.
    pub expires: Option<Timestamp>,
}

/// Mode that a key may be restricted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyMode {
    Add,
    Remove,
    Managed,
    Replace,
}

/// What the name of an owner has to consist of.
const OWNER_FORM: &str = "must consist of 1 to 64 of the characters A to Z, a to z, 0 to 9, -, _ and .";

/// Returns whether the text can be the name of an owner, as in the API.
fn is_owner(name: &str) -> bool {
    let is_permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_permitted)
}

/// Checks that names and keys are unique, and that every restriction permits something.
pub(super) fn check(keys: &[ApiKeyConfig], sources: &[WebhookConfig]) -> Result<(), ConfigError> {
    let (mut names, mut digests) = (BTreeSet::new(), BTreeSet::new());
    for key in keys {
        if key.name.trim().is_empty() || !names.insert(&key.name) {
            return Err(contradiction("server.api_keys.name", format!("{:?} is empty or not unique", key.name)));
        }
        for (bound, empty) in [
            ("server.api_keys.targets", key.targets.as_ref().is_some_and(Vec::is_empty)),
            ("server.api_keys.modes", key.modes.as_ref().is_some_and(Vec::is_empty)),
            ("server.api_keys.sources", key.sources.as_ref().is_some_and(Vec::is_empty)),
            ("server.api_keys.owners", key.owners.as_ref().is_some_and(Vec::is_empty)),
        ] {
            if empty {
                return Err(contradiction(
                    bound,
                    format!("is empty, so {:?} may do nothing; list something or omit it", key.name),
                ));
            }
        }
        let unknown = |name: &&String| !sources.iter().any(|source| source.name == **name);
        if let Some(name) = key.sources.iter().flatten().find(unknown) {
            return Err(contradiction(
                "server.api_keys.sources",
                format!("{name:?}, listed for {:?}, is not a configured source", key.name),
            ));
        }
        if let Some(name) = key.owners.iter().flatten().find(|name| !is_owner(name)) {
            return Err(contradiction(
                "server.api_keys.owners",
                format!("{name:?}, listed for {:?}, {OWNER_FORM}", key.name),
            ));
        }
        if !digests.insert(key.sha256) {
            return Err(contradiction(
                "server.api_keys.sha256",
                format!("the key of {:?} is also the key of another holder", key.name),
            ));
        }
    }
    Ok(())
}

fn digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    from_hex(text.trim()).ok_or_else(|| de::Error::custom("is not a SHA-256 digest of 64 hexadecimal digits"))
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let bytes: Vec<u8> =
        pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect::<Option<_>>()?;
    bytes.try_into().ok()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_64_hexadecimal_digits() {
        let good = "00ff".repeat(16);
        assert_eq!(from_hex(&good).map(|bytes| (bytes[0], bytes[1])), Some((0, 255)));
        assert_eq!(from_hex(&good.to_uppercase()), from_hex(&good));
        for bad in ["", "00ff", &"0g".repeat(32), &"0".repeat(63), &"0".repeat(66)] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
    }
}
