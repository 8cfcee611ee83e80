//! Why a delivery is not let in, as far as it can be told: for the log, never for the sender, and without any secret.

use std::fmt;
use std::time::Duration;

use http::header::HeaderName;
use jiff::{SignedDuration, Timestamp};

use super::key::VerifyingKey;
use super::{Altered, Encoding, Scheme};

/// Why a delivery is not let in. None of it says how near the signature was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the header {header} is missing{}", by_another(.another.as_ref()))]
    NoSignature {
        header: HeaderName,
        /// The preset of another sender who signs in the header that is there.
        another: Option<(&'static str, HeaderName)>,
    },
    #[error("the header {0} is missing")]
    Missing(HeaderName),
    #[error("the header {0} is given twice")]
    GivenTwice(HeaderName),
    #[error("the header {0} is not text")]
    NotText(HeaderName),
    #[error("the signature fits, but {0} is neither a time since 1970 nor one with an offset")]
    NotATime(HeaderName),
    #[error("the signature fits, but {}", outside(*.signed_at, *.now, *.tolerance))]
    OutsideTolerance { signed_at: Timestamp, now: Timestamp, tolerance: Duration },
    #[error(transparent)]
    Wrong(#[from] Box<Mismatch>),
}

fn by_another(another: Option<&(&'static str, HeaderName)>) -> String {
    another.map_or_else(String::new, |(preset, header)| {
        format!("; {header} is there, in which the sender of preset {preset:?} signs")
    })
}

fn outside(signed_at: Timestamp, now: Timestamp, tolerance: Duration) -> String {
    let whole = |duration: SignedDuration| SignedDuration::from_secs(duration.as_secs().saturating_abs());
    let (off, tolerance) = (now.duration_since(signed_at), SignedDuration::try_from(tolerance).unwrap_or_default());
    let way = if off.is_negative() { "ahead of the clock here" } else { "ago" };
    format!("it was made {:#} {way}, and the tolerance is {:#}", whole(off), whole(tolerance))
}

/// That no signature fits, and what was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    header: HeaderName,
    found: FoundSignature,
    secrets: usize,
    makes: &'static str,
    encoding: Encoding,
    proven: Option<Altered>,
}

/// What stands in the header.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FoundSignature {
    /// So many signatures that could be right.
    Signatures(usize),
    /// Nothing begins as signatures do.
    NoneWithPrefix(Box<str>),
    /// It has the bytes of a signature, written in another way.
    OtherEncoding(Encoding),
    OtherLength {
        bytes: usize,
        expected: usize,
    },
    /// It is not written as signatures are, in no way that is known.
    NotEncoded,
}

impl Mismatch {
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
            return write!(f, "the signature in {header} fits the body {what}: something on its way rewrites bodies");
        }
        match found {
            FoundSignature::Signatures(count) => write!(
                f,
                "no signature in {header} fits: {count} of {makes} in {encoding}, compared with {secrets} {}; \
                 it is another secret, or the body was changed on its way",
                if *secrets == 1 { "secret" } else { "secrets" }
            ),
            FoundSignature::NoneWithPrefix(prefix) => {
                write!(f, "nothing in {header} begins with {prefix:?}, as signatures do")
            }
            FoundSignature::OtherEncoding(other) => {
                write!(f, "the signature in {header} is written in {}, and {encoding} is expected", other.name())
            }
            FoundSignature::OtherLength { bytes, expected } => {
                write!(f, "the signature in {header} has {bytes} bytes, and {makes} makes {expected}")
            }
            FoundSignature::NotEncoded => write!(f, "what stands in {header} is not {encoding}"),
        }
    }
}

impl std::error::Error for Mismatch {}
