//! Decides what admits the deliveries of a source: a signature, or a secret in the path.

use std::time::Duration;

use http::header::HeaderName;
use secrecy::{ExposeSecret, SecretString};

use super::senders::Sender;
use super::signature::{Algorithm, Encoding, Headers, KeyForm, Scheme, SignedPart, Verifier};
use crate::config::{ConfigError, SignatureAlgorithm, SignatureConfig, SignatureEncoding, SignatureKey, WebhookConfig};

/// What admits a delivery.
#[derive(Debug)]
pub(super) enum DeliveryAdmission {
    /// A signature.
    Signature(Box<Verifier>),
    /// A secret in the last segment of the path, for senders that do not sign.
    Path(Vec<SecretString>),
    /// Nothing: the source accepts exports only.
    Nobody,
}

/// Minimum length of a secret in the path, in bytes. It is the only protection, and the logs of any proxy in front
/// contain it.
const SHORTEST_PATH_SECRET: usize = 24;

impl DeliveryAdmission {
    /// Compiles the secrets and the signature of a source.
    pub(super) fn compile(config: &WebhookConfig) -> Result<Self, ConfigError> {
        let secrets = config.secrets()?;
        let Some(mut scheme) = scheme(config)? else {
            if config.tolerance.is_some() {
                return Err(config.fault("tolerance", "does not apply, because this sender does not sign"));
            }
            if let Some(secret) = secrets.iter().find(|secret| !is_path_secret(secret.expose_secret())) {
                let length = secret.expose_secret().len();
                return Err(config.fault(
                    "secret",
                    format!(
                        "is a path segment: it must consist of at least {SHORTEST_PATH_SECRET} letters, digits, - or \
                         _; it has {length} bytes, or other characters. Create one with `openssl rand -hex 32`"
                    ),
                ));
            }
            return Ok(if secrets.is_empty() { Self::Nobody } else { Self::Path(secrets) });
        };
        scheme.tolerance = match (&scheme.headers.timestamp, config.tolerance) {
            (None, Some(_)) => {
                return Err(config.fault("tolerance", "does not apply, because this sender does not sign a time"));
            }
            (None, None) => None,
            (Some(_), tolerance) => tolerance.or(scheme.tolerance).or(Some(Duration::from_secs(300))),
        };
        if secrets.is_empty() {
            return Err(config.fault("secret", "is missing; set secret or secret_file"));
        }
        Verifier::new(scheme, &secrets)
            .map(|verifier| Self::Signature(verifier.into()))
            .map_err(|problem| config.fault("secret", problem.to_string()))
    }
}

/// Returns whether a secret is long enough for a path and needs no escaping there.
fn is_path_secret(secret: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    secret.len() >= SHORTEST_PATH_SECRET && secret.chars().all(plain)
}

/// Returns how the sender signs; `None` if it does not.
fn scheme(config: &WebhookConfig) -> Result<Option<Scheme>, ConfigError> {
    let Some(scheme) = Sender::of(config.preset).scheme else {
        return config.signature.as_ref().map(|signature| custom(config, signature)).transpose();
    };
    match &config.signature {
        None => Ok(Some(scheme())),
        Some(_) => {
            Err(config.fault("signature", "is defined by the preset; use preset = \"generic\" to define another"))
        }
    }
}

/// Compiles the scheme of a source that says itself how its sender signs.
fn custom(config: &WebhookConfig, signature: &SignatureConfig) -> Result<Scheme, ConfigError> {
    let fault = |key: &str, problem: &str| config.fault(format!("signature.{key}"), problem);
    let header =
        |key: &str, name: &str| name.parse::<HeaderName>().map_err(|_| fault(key, "is not a valid header name"));
    let optional = |key: &str, name: &Option<String>| name.as_deref().map(|name| header(key, name)).transpose();
    let scheme = Scheme {
        headers: Headers {
            signature: header("header", &signature.header)?,
            id: optional("id_header", &signature.id_header)?,
            timestamp: optional("timestamp_header", &signature.timestamp_header)?,
        },
        also: None,
        algorithm: match signature.algorithm {
            SignatureAlgorithm::Sha256 => Algorithm::HmacSha256,
            SignatureAlgorithm::Sha512 => Algorithm::HmacSha512,
        },
        signed: Scheme::template(&signature.signed).map_err(|problem| fault("signed", &problem.to_string()))?,
        key_form: match signature.key {
            SignatureKey::Utf8 => KeyForm::Utf8,
            SignatureKey::Base64 => KeyForm::Base64,
        },
        encoding: match signature.encoding {
            SignatureEncoding::Hex => Encoding::Hex,
            SignatureEncoding::Base64 => Encoding::Base64,
            SignatureEncoding::Base64url => Encoding::Base64Url,
        },
        prefix: signature.prefix.as_str().into(),
        list: signature.list,
        tolerance: None,
    };
    for (named, part, key, placeholder) in [
        (scheme.headers.id.is_some(), SignedPart::Id, "id_header", "{id}"),
        (scheme.headers.timestamp.is_some(), SignedPart::Timestamp, "timestamp_header", "{ts}"),
    ] {
        match (named, scheme.signed.contains(&part)) {
            (true, false) => return Err(fault(key, &format!("is not signed: `signed` lacks {placeholder}"))),
            (false, true) => return Err(fault(key, &format!("is missing, but `signed` contains {placeholder}"))),
            (true, true) | (false, false) => {}
        }
    }
    Ok(scheme)
}
