//! What signatures are made of, as data.

use std::str::FromStr;
use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderName;

use super::{Algorithm, Encoding, KeyForm};

/// A piece of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedPart {
    Literal(Box<str>),
    Id,
    Timestamp,
    Body,
}

/// The headers of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// Carries the signature, or several.
    pub signature: HeaderName,
    /// What `{id}` stands for.
    pub id: Option<HeaderName>,
    /// What `{ts}` stands for.
    pub timestamp: Option<HeaderName>,
}

/// How a sender signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    pub headers: Headers,
    /// Other names of the same, for who does not send the first.
    pub also: Option<Headers>,
    pub algorithm: Algorithm,
    /// What is signed, in order.
    pub signed: Vec<SignedPart>,
    pub key_form: KeyForm,
    pub encoding: Encoding,
    /// What stands before a signature, in either case; one without it is not looked at.
    pub prefix: Box<str>,
    /// Whether the header may carry several signatures, apart by spaces or commas.
    pub list: bool,
    /// How far the time may lie from now, either way.
    pub tolerance: Option<Duration>,
}

/// Why a template of what is signed cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("{0:?} is none of {{id}}, {{ts}} and {{body}}")]
    UnknownPart(String),
    #[error("lacks {{body}}: the body has to be signed")]
    NoBody,
}

impl Scheme {
    /// Standard Webhooks, with shared secrets (`v1`) or key pairs (`v1a`).
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

    /// A signature of the body alone, in one header.
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

    /// Reads a template like `{id}.{ts}.{body}`.
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

    /// The headers that this request uses. Whose signature is verified by them has signed their id as well.
    pub(in crate::hris) fn headers(&self, given: &HeaderMap) -> &Headers {
        let others = self.also.as_ref().filter(|others| given.contains_key(&others.signature));
        others.filter(|_| !given.contains_key(&self.headers.signature)).unwrap_or(&self.headers)
    }

    /// What stands before the signatures of such a key; of Standard Webhooks, the only ones with key pairs.
    pub(super) fn prefix(&self, public: bool) -> &str {
        if public { "v1a," } else { &self.prefix }
    }

    /// The signatures that a header carries, as texts without their prefixes; at most as many as any sender gives.
    pub(super) fn signatures<'a>(&self, header: &'a str, prefix: &str) -> Vec<&'a str> {
        const MAX: usize = 16;
        if !self.list {
            return without(header.trim(), prefix).map(str::trim).into_iter().collect();
        }
        let texts: Vec<&str> = header.split([' ', '\t', ',']).filter(|text| !text.is_empty()).collect();
        // A prefix like `v1,` is a text of its own before each signature, and so is one with a blank behind it.
        let label = prefix.trim_end_matches([' ', '\t', ',']);
        let is_label = |text: &str| !label.is_empty() && text.eq_ignore_ascii_case(label);
        let signature = |(at, text): (usize, &&'a str)| {
            if !is_label(text) {
                return without(text, prefix);
            }
            // A signature may begin like the label by chance.
            let is_signature = |next: &&str| !is_label(next) && without(next, prefix).is_none();
            Some(texts.get(at + 1).copied().filter(is_signature).unwrap_or_default())
        };
        texts.iter().enumerate().filter_map(signature).take(MAX).collect()
    }
}

/// What is left of a text without its prefix, which may be written in either case.
fn without<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

impl Headers {
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
