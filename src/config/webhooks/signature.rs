//! `[webhooks.signature]` and `[webhooks.dedupe]`: the habits of a `generic` sender.

use serde::Deserialize;

/// How it signs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureConfig {
    /// `header`: carries the signature.
    pub header: String,
    /// `algorithm`: `sha256` (default) or `sha512`, of an HMAC.
    #[serde(default)]
    pub algorithm: SignatureAlgorithm,
    /// `signed`: what is signed, of `{id}`, `{ts}`, `{body}` and texts between them; `{body}` by default.
    #[serde(default = "body")]
    pub signed: String,
    /// `key`: `utf8` (default) or `base64`: how the secret becomes bytes.
    #[serde(default)]
    pub key: SignatureKey,
    /// `encoding`: `hex` (default, in either case), `base64` or `base64url`.
    #[serde(default)]
    pub encoding: SignatureEncoding,
    /// `prefix`: what stands before each signature, like `sha256=`, in either case.
    #[serde(default)]
    pub prefix: String,
    /// `list`: whether the header may carry several, apart by spaces or commas.
    #[serde(default)]
    pub list: bool,
    /// `id_header`: what `{id}` stands for.
    pub id_header: Option<String>,
    /// `timestamp_header`: what `{ts}` stands for: seconds or milliseconds since 1970, or a time with an offset; held
    /// against `tolerance` (default 5 minutes).
    pub timestamp_header: Option<String>,
}

/// What an HMAC is made with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureAlgorithm {
    #[default]
    Sha256,
    Sha512,
}

/// What the bytes of a key are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureKey {
    #[default]
    Utf8,
    Base64,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureEncoding {
    #[default]
    Hex,
    Base64,
    Base64url,
}

/// What tells one delivery from another: one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DedupeConfig {
    /// `header`: a header that is the same in all attempts of a delivery.
    pub header: Option<String>,
    /// `pointer`: a JSON pointer to such a value in the body.
    pub pointer: Option<String>,
}

fn body() -> String {
    "{body}".to_owned()
}
