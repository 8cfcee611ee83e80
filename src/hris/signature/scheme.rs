//! What the signatures of the known senders are made of, as data.

use std::str::FromStr;
use std::time::Duration;

use http::header::HeaderName;

use super::{Algorithm, Encoding, KeyForm};

/// A piece of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Literal(Box<str>),
    Id,
    Timestamp,
    Body,
}

/// How a sender signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// Carries the signature, or several.
    pub header: HeaderName,
    pub algorithm: Algorithm,
    /// What is signed, in order.
    pub signed: Vec<Part>,
    pub key_form: KeyForm,
    pub encoding: Encoding,
    /// What stands before a signature; one without it is not looked at.
    pub prefix: Box<str>,
    /// Whether the header may carry several signatures, apart by spaces.
    pub list: bool,
    /// What `{id}` stands for.
    pub id_header: Option<HeaderName>,
    /// What `{ts}` stands for: seconds since 1970.
    pub timestamp_header: Option<HeaderName>,
    /// How far the time may lie from now, either way.
    pub tolerance: Option<Duration>,
}

/// Why a template of what is signed cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    #[error("{0:?} is none of {{id}}, {{ts}} and {{body}}")]
    UnknownPart(String),
    #[error("lacks {{body}}: the body has to be signed")]
    NoBody,
}

impl Scheme {
    /// Standard Webhooks, with shared secrets (`v1`) or key pairs (`v1a`).
    pub fn standard_webhooks() -> Self {
        Self {
            header: HeaderName::from_static("webhook-signature"),
            algorithm: Algorithm::HmacSha256,
            signed: vec![Part::Id, dot(), Part::Timestamp, dot(), Part::Body],
            key_form: KeyForm::StandardWebhooks,
            encoding: Encoding::Base64,
            prefix: "v1,".into(),
            list: true,
            id_header: Some(HeaderName::from_static("webhook-id")),
            timestamp_header: Some(HeaderName::from_static("webhook-timestamp")),
            tolerance: Some(Duration::from_secs(5 * 60)),
        }
    }

    /// Finch: the same under names of its own, with bare base64 as the secret.
    pub fn finch() -> Self {
        Self {
            header: HeaderName::from_static("finch-signature"),
            key_form: KeyForm::Base64,
            id_header: Some(HeaderName::from_static("finch-event-id")),
            timestamp_header: Some(HeaderName::from_static("finch-timestamp")),
            ..Self::standard_webhooks()
        }
    }

    /// BambooHR. Whether its retries are stamped anew is not documented, and they go on for 155 minutes.
    pub fn bamboo_hr() -> Self {
        Self {
            signed: vec![Part::Body, Part::Timestamp],
            timestamp_header: Some(HeaderName::from_static("x-bamboohr-timestamp")),
            tolerance: Some(Duration::from_secs(3 * 3600)),
            ..Self::of_body("x-bamboohr-signature", Algorithm::HmacSha256, Encoding::Hex)
        }
    }

    /// HiBob, version 2.
    pub fn hi_bob() -> Self {
        Self::of_body("bob-signature", Algorithm::HmacSha512, Encoding::Base64)
    }

    /// Merge; some of its libraries leave the padding out.
    pub fn merge() -> Self {
        Self::of_body("x-merge-webhook-signature", Algorithm::HmacSha256, Encoding::Base64Url)
    }

    fn of_body(header: &'static str, algorithm: Algorithm, encoding: Encoding) -> Self {
        Self {
            header: HeaderName::from_static(header),
            algorithm,
            signed: vec![Part::Body],
            key_form: KeyForm::Utf8,
            encoding,
            prefix: Box::default(),
            list: false,
            id_header: None,
            timestamp_header: None,
            tolerance: None,
        }
    }

    /// Reads a template like `{id}.{ts}.{body}`.
    pub fn template(text: &str) -> Result<Vec<Part>, TemplateFault> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((literal, tail)) = rest.split_once('{') {
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.into()));
            }
            let (name, tail) = tail.split_once('}').unwrap_or((tail, ""));
            parts.push(name.parse()?);
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.into()));
        }
        if parts.contains(&Part::Body) { Ok(parts) } else { Err(TemplateFault::NoBody) }
    }

    pub(super) fn signed_bytes(&self, id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
        let mut signed = Vec::with_capacity(body.len() + id.len() + timestamp.len() + 8);
        for part in &self.signed {
            signed.extend_from_slice(match part {
                Part::Literal(text) => text.as_bytes(),
                Part::Id => id.as_bytes(),
                Part::Timestamp => timestamp.as_bytes(),
                Part::Body => body,
            });
        }
        signed
    }

    /// The signatures that a header carries, at most as many as any sender gives.
    pub(super) fn signatures<'a>(&'a self, header: &'a str, public: bool) -> impl Iterator<Item = Vec<u8>> + 'a {
        const MOST: usize = 16;
        // Of Standard Webhooks, the only ones with key pairs.
        let prefix = if public { "v1a," } else { &*self.prefix };
        let apart = if self.list { header.split(' ') } else { header.split('\n') };
        apart.take(MOST).filter_map(move |one| self.encoding.decode(one.strip_prefix(prefix)?))
    }
}

impl FromStr for Part {
    type Err = TemplateFault;

    fn from_str(name: &str) -> Result<Self, TemplateFault> {
        match name {
            "id" => Ok(Self::Id),
            "ts" => Ok(Self::Timestamp),
            "body" => Ok(Self::Body),
            _ => Err(TemplateFault::UnknownPart(name.to_owned())),
        }
    }
}

fn dot() -> Part {
    Part::Literal(".".into())
}
