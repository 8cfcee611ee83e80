//! Signature schemes as data.

use std::str::FromStr;
use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderName;

use super::{Algorithm, Encoding, KeyForm};

/// A piece of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedPart {
    /// A constant text.
    Literal(Box<str>),
    /// The value of the id header.
    Id,
    /// The value of the timestamp header.
    Timestamp,
    /// The body as received.
    Body,
}

/// The headers of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// Carries one signature, or several.
    pub signature: HeaderName,
    /// The header that `{id}` stands for.
    pub id: Option<HeaderName>,
    /// The header that `{ts}` stands for.
    pub timestamp: Option<HeaderName>,
}

/// How a sender signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// The headers that carry the signature and what is signed.
    pub headers: Headers,
    /// Alternative headers, for requests without the first ones.
    pub also: Option<Headers>,
    /// The algorithm for shared secrets.
    pub algorithm: Algorithm,
    /// What is signed, in order.
    pub signed: Vec<SignedPart>,
    /// How the secret is turned into a key.
    pub key_form: KeyForm,
    /// How signatures are encoded.
    pub encoding: Encoding,
    /// Text before each signature, in either case; signatures without it are ignored.
    pub prefix: Box<str>,
    /// Whether the header may carry several signatures, separated by spaces or commas.
    pub list: bool,
    /// Maximum difference between the signed time and now, in either direction.
    pub tolerance: Option<Duration>,
}

/// Why a template of what is signed cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder is unknown.
    #[error("{0:?} is not one of {{id}}, {{ts}} and {{body}}")]
    UnknownPart(String),
    /// The body would not be signed.
    #[error("lacks {{body}}: the body must be signed")]
    NoBody,
}

impl Scheme {
    /// Returns the scheme of Standard Webhooks, with shared secrets (`v1`) or key pairs (`v1a`).
    pub fn standard_webhooks() -> Self {
        Self {
            headers: Headers::of_three("webhook-signature", "webhook-id", "webhook-timestamp"),
            also: Some(Headers::of_three("svix-signature", "svix-id", "svix-timestamp")),
            algorithm: Algorithm::HmacSha256,
            signed: vec![SignedPart::Id, dot(), SignedPart::Timestamp, dot(), SignedPart::Body],
            key_form: KeyForm::StandardWebhooks,
            encoding: Encoding::Base64,
            prefix: "v1,".into(),
            list: true,
            tolerance: Some(Duration::from_secs(5 * 60)),
        }
    }

    /// Returns the scheme of a signature over the body alone, in one header.
    pub(in crate::hris) fn of_body(header: &'static str, algorithm: Algorithm, encoding: Encoding) -> Self {
        Self {
            headers: Headers { signature: HeaderName::from_static(header), id: None, timestamp: None },
            also: None,
            algorithm,
            signed: vec![SignedPart::Body],
            key_form: KeyForm::Utf8,
            encoding,
            prefix: Box::default(),
            list: false,
            tolerance: None,
        }
    }

    /// Parses a template such as `{id}.{ts}.{body}`.
    pub fn template(text: &str) -> Result<Vec<SignedPart>, TemplateError> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((literal, tail)) = rest.split_once('{') {
            if !literal.is_empty() {
                parts.push(SignedPart::Literal(literal.into()));
            }
            let (name, tail) = tail.split_once('}').unwrap_or((tail, ""));
            parts.push(name.parse()?);
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(SignedPart::Literal(rest.into()));
        }
        if parts.contains(&SignedPart::Body) { Ok(parts) } else { Err(TemplateError::NoBody) }
    }

    /// Returns the bytes that are signed.
    pub(super) fn signed_bytes(&self, id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
        let mut signed = Vec::with_capacity(body.len() + id.len() + timestamp.len() + 8);
        for part in &self.signed {
            signed.extend_from_slice(match part {
                SignedPart::Literal(text) => text.as_bytes(),
                SignedPart::Id => id.as_bytes(),
                SignedPart::Timestamp => timestamp.as_bytes(),
                SignedPart::Body => body,
            });
        }
        signed
    }

    /// Returns the headers that this request uses. Those with the signature also determine which id is signed.
    pub(in crate::hris) fn headers(&self, given: &HeaderMap) -> &Headers {
        let others = self.also.as_ref().filter(|others| given.contains_key(&others.signature));
        others.filter(|_| !given.contains_key(&self.headers.signature)).unwrap_or(&self.headers)
    }

    /// Returns the prefix of signatures of such a key; only Standard Webhooks has key pairs.
    pub(super) fn prefix(&self, public: bool) -> &str {
        if public { "v1a," } else { &self.prefix }
    }

    /// Returns the signatures in a header as texts without their prefixes, at most 16 of them.
    pub(super) fn signatures<'a>(&self, header: &'a str, prefix: &str) -> Vec<&'a str> {
        const MAX: usize = 16;
        if !self.list {
            return without(header.trim(), prefix).map(str::trim).into_iter().collect();
        }
        let texts: Vec<&str> = header.split([' ', '\t', ',']).filter(|text| !text.is_empty()).collect();
        // A prefix such as `v1,` is a text of its own before each signature after splitting; so is one that ends with a
        // blank.
        let label = prefix.trim_end_matches([' ', '\t', ',']);
        let is_label = |text: &str| !label.is_empty() && text.eq_ignore_ascii_case(label);
        let signature = |(at, text): (usize, &&'a str)| {
            if !is_label(text) {
                return without(text, prefix);
            }
            // A signature may begin like the prefix by chance.
            let is_signature = |next: &&str| !is_label(next) && without(next, prefix).is_none();
            Some(texts.get(at + 1).copied().filter(is_signature).unwrap_or_default())
        };
        texts.iter().enumerate().filter_map(signature).take(MAX).collect()
    }
}

/// Returns the text after the prefix, which may be in either case; `None` if it does not begin with it.
fn without<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

impl Headers {
    /// Returns the headers of a signature over an id and a time.
    pub(in crate::hris) fn of_three(signature: &'static str, id: &'static str, timestamp: &'static str) -> Self {
        Self {
            signature: HeaderName::from_static(signature),
            id: Some(HeaderName::from_static(id)),
            timestamp: Some(HeaderName::from_static(timestamp)),
        }
    }
}

impl FromStr for SignedPart {
    type Err = TemplateError;

    fn from_str(name: &str) -> Result<Self, TemplateError> {
        match name {
            "id" => Ok(Self::Id),
            "ts" => Ok(Self::Timestamp),
            "body" => Ok(Self::Body),
            _ => Err(TemplateError::UnknownPart(name.to_owned())),
        }
    }
}

fn dot() -> SignedPart {
    SignedPart::Literal(".".into())
}
