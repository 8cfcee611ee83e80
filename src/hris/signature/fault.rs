//! Why a delivery was not admitted, as precisely as possible: for the log, never for the sender, and without any
//! secret.

use std::fmt;
use std::time::Duration;

use http::header::HeaderName;
use jiff::{SignedDuration, Timestamp};

use super::key::VerifyingKey;
use super::{Altered, Encoding, Scheme};

/// Why a delivery was not admitted. None of it reveals how close the signature was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header with the signature is missing.
    #[error("the header {header} is missing{}", by_another(.another.as_ref()))]
    NoSignature {
        /// The expected header.
        header: HeaderName,
        /// The preset of another sender whose signature header is present.
        another: Option<(&'static str, HeaderName)>,
    },
    /// Another header that is signed is missing.
    #[error("the header {0} is missing")]
    Missing(HeaderName),
    /// A header is present more than once.
    #[error("the header {0} is present more than once")]
    GivenTwice(HeaderName),
    /// The value of a header is not text.
    #[error("the header {0} is not text")]
    NotText(HeaderName),
    /// The signature is valid, but its time cannot be read.
    #[error("the signature is valid, but {0} is neither a Unix time nor a time with an offset")]
    NotATime(HeaderName),
    /// The signature is valid, but its time is too far from now.
    #[error("the signature is valid, but {}", outside(*.signed_at, *.now, *.tolerance))]
    OutsideTolerance { signed_at: Timestamp, now: Timestamp, tolerance: Duration },
    /// No signature is valid.
    #[error(transparent)]
    Wrong(#[from] Box<Mismatch>),
}

/// Adds the preset whose signature header is present, if there is one.
fn by_another(another: Option<&(&'static str, HeaderName)>) -> String {
    another.map_or_else(String::new, |(preset, header)| {
        format!("; {header} is present, which the sender of preset {preset:?} uses")
    })
}

/// Describes by how much the time of a signature differs from now.
fn outside(signed_at: Timestamp, now: Timestamp, tolerance: Duration) -> String {
    let whole = |duration: SignedDuration| SignedDuration::from_secs(duration.as_secs().saturating_abs());
    let (off, tolerance) = (now.duration_since(signed_at), SignedDuration::try_from(tolerance).unwrap_or_default());
    let way = if off.is_negative() { "ahead of this clock" } else { "ago" };
    format!("it was made {:#} {way}, and the tolerance is {:#}", whole(off), whole(tolerance))
}

/// The details of a signature that is not valid: what was compared with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    header: HeaderName,
    found: FoundSignature,
    secrets: usize,
    makes: &'static str,
    encoding: Encoding,
    proven: Option<Altered>,
}

/// What the header contains.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FoundSignature {
    /// This many signatures that have the right form.
    Signatures(usize),
    /// Nothing with the prefix of a signature.
    NoneWithPrefix(Box<str>),
    /// A signature of the right length in a different encoding.
    OtherEncoding(Encoding),
    /// A signature of a different length.
    OtherLength { bytes: usize, expected: usize },
    /// Nothing in any known encoding.
    NotEncoded,
}

impl Mismatch {
    /// Compares what the header contains with what the scheme expects.
    pub(super) fn new(
        scheme: &Scheme,
        keys: &[VerifyingKey],
        header: &HeaderName,
        given: &str,
        proven: Option<Altered>,
    ) -> Self {
        let (makes, length) = keys.first().map_or(("", 0), VerifyingKey::makes);
        let prefix = scheme.prefix(keys.first().is_some_and(VerifyingKey::is_public));
        let found = FoundSignature::of(scheme, prefix, length, given);
        Self { header: header.clone(), found, secrets: keys.len(), makes, encoding: scheme.encoding, proven }
    }
}

impl FoundSignature {
    /// Classifies the content of the header.
    fn of(scheme: &Scheme, prefix: &str, expected: usize, given: &str) -> Self {
        let texts = scheme.signatures(given, prefix);
        let has_length = |encoding: Encoding, text: &str| encoding.decode(text).is_some_and(|it| it.len() == expected);
        let good = texts.iter().filter(|text| has_length(scheme.encoding, text)).count();
        let Some(first) = texts.first() else { return Self::NoneWithPrefix(prefix.into()) };
        if good > 0 {
            return Self::Signatures(good);
        }
        if let Some(other) = Encoding::ALL.into_iter().find(|other| has_length(*other, first)) {
            return Self::OtherEncoding(other);
        }
        scheme
            .encoding
            .decode(first)
            .map_or(Self::NotEncoded, |bytes| Self::OtherLength { bytes: bytes.len(), expected })
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { header, found, secrets, makes, encoding, proven } = self;
        let encoding = encoding.name();
        if let Some(altered) = proven {
            let what = altered.told();
            return write!(f, "the signature in {header} fits the body {what}: something on the way rewrites bodies");
        }
        match found {
            FoundSignature::Signatures(count) => write!(
                f,
                "no signature in {header} fits: {count} of {makes} in {encoding}, compared with {secrets} {}; \
                 the secret differs, or the body was changed on the way",
                if *secrets == 1 { "secret" } else { "secrets" }
            ),
            FoundSignature::NoneWithPrefix(prefix) => {
                write!(f, "nothing in {header} begins with {prefix:?}, as a signature must")
            }
            FoundSignature::OtherEncoding(other) => {
                write!(f, "the signature in {header} is written in {}, but {encoding} is expected", other.name())
            }
            FoundSignature::OtherLength { bytes, expected } => {
                write!(f, "the signature in {header} has {bytes} bytes, but one of {makes} has {expected}")
            }
            FoundSignature::NotEncoded => write!(f, "the value of {header} is not {encoding}"),
        }
    }
}

impl std::error::Error for Mismatch {}
