//! `[webhooks.signature]` and `[webhooks.dedupe]`: how a `generic` sender signs and identifies its deliveries.

use serde::Deserialize;

/// How a sender signs its deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureConfig {
    /// `header`: header that carries the signature.
    pub header: String,
    /// `algorithm`: digest of the HMAC, `sha256` (default) or `sha512`.
    #[serde(default)]
    pub algorithm: SignatureAlgorithm,
    /// `signed`: template of what is signed, made of `{id}`, `{ts}`, `{body}` and literal text; `{body}` by default.
    #[serde(default = "body")]
    pub signed: String,
    /// `key`: how the secret is decoded into bytes, `utf8` (default) or `base64`.
    #[serde(default)]
    pub key: SignatureKey,
    /// `encoding`: encoding of the signature: `hex` (default, in either case), `base64` or `base64url`.
    #[serde(default)]
    pub encoding: SignatureEncoding,
    /// `prefix`: text before each signature, such as `sha256=`; case is ignored.
    #[serde(default)]
    pub prefix: String,
    /// `list`: whether the header may carry several signatures, separated by spaces or commas.
    #[serde(default)]
    pub list: bool,
    /// `id_header`: header that supplies `{id}`.
    pub id_header: Option<String>,
    /// `timestamp_header`: header that supplies `{ts}`: seconds or milliseconds since 1970, or a time with an offset.
    /// It must not differ from now by more than `tolerance` (default 5 minutes).
    pub timestamp_header: Option<String>,
}

/// Digest algorithm of an HMAC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureAlgorithm {
    #[default]
    Sha256,
    Sha512,
}

/// Encoding of a key's bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureKey {
    #[default]
    Utf8,
    Base64,
}

/// Encoding of a signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureEncoding {
    #[default]
    Hex,
    Base64,
    Base64url,
}

/// What identifies a delivery: exactly one of the two keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DedupeConfig {
    /// `header`: header that is the same in all attempts of a delivery.
    pub header: Option<String>,
    /// `pointer`: JSON pointer to such a value in the body.
    pub pointer: Option<String>,
}

fn body() -> String {
    "{body}".to_owned()
}
