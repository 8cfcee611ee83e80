//! Callbacks: where a caller is notified that a job has ended or is held, and which addresses are off limits.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use url::{Host, Url};

/// What the configuration permits for callbacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallbackRules {
    /// Whether a secret to sign callbacks is configured; without one, none are sent.
    pub enabled: bool,
    /// Whether callbacks may use plain HTTP.
    pub allow_http: bool,
    /// Whether callbacks may go to this machine and to networks that are not reachable from the Internet.
    pub allow_private_networks: bool,
}

/// Reason why a text is not a valid callback URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallbackUrlError {
    #[error("is not supported: this service has no callbacks.secret to sign callbacks with")]
    NotEnabled,
    #[error("must be an absolute URL with the scheme https, of at most {} characters", CallbackUrl::MAX_LENGTH)]
    NotAUrl,
    #[error("must use https; set callbacks.allow_http to permit http")]
    NotHttps,
    #[error("must not contain a user name or password; callbacks are authenticated by their signature")]
    Credentials,
    #[error(
        "must not point to a private, link-local or loopback address; set callbacks.allow_private_networks to permit it"
    )]
    Private,
}

/// Callback URL: an absolute URL that the rules permit, as far as the URL itself shows. The addresses behind a host
/// name are checked when the connection is made.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackUrl(Box<str>);

impl CallbackUrl {
    /// Maximum length in characters.
    pub const MAX_LENGTH: usize = 2048;

    /// Checks a URL against the rules.
    pub fn new(text: &str, rules: CallbackRules) -> Result<Self, CallbackUrlError> {
        if !rules.enabled {
            return Err(CallbackUrlError::NotEnabled);
        }
        let url = Some(text)
            .filter(|text| text.chars().count() <= Self::MAX_LENGTH && !text.chars().any(char::is_whitespace));
        let url = url.and_then(|text| Url::parse(text).ok()).ok_or(CallbackUrlError::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if rules.allow_http => {}
            "http" => return Err(CallbackUrlError::NotHttps),
            _ => return Err(CallbackUrlError::NotAUrl),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(CallbackUrlError::Credentials);
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(CallbackUrlError::NotAUrl),
        };
        if !rules.allow_private_networks && address.is_some_and(|address| !is_public(address)) {
            return Err(CallbackUrlError::Private);
        }
        Ok(Self(url.as_str().into()))
    }

    /// Returns a URL that was already checked when its job was accepted.
    pub fn kept(text: Box<str>) -> Self {
        Self(text)
    }

    /// Returns the complete URL, for sending and for the journal.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns host and port of the receiver; an IPv6 address is reduced to its /64 network, since whoever has one
    /// address there has all of them.
    pub fn receiver(&self) -> String {
        let Ok(url) = Url::parse(&self.0) else { return String::new() };
        let port = url.port_or_known_default().unwrap_or_default();
        match url.host() {
            Some(Host::Ipv6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("[{}]:{port}", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            Some(host) => format!("{host}:{port}"),
            None => String::new(),
        }
    }

    /// Returns the part of the URL that may be shown: query and fragment often contain a secret.
    pub fn shown(&self) -> &str {
        self.0.split(['?', '#']).next().unwrap_or_default()
    }
}

impl fmt::Debug for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallbackUrl").field(&self.shown()).finish()
    }
}

/// Returns whether the address is publicly routable, rather than of this machine or a private network.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    // A public address, but on Azure it is the platform's internal endpoint for virtual machines.
    let of_azure = address.octets() == [168, 63, 129, 16];
    let reserved =
        matches!((a, b, c), (0 | 240..=255, ..) | (100, 64..=127, _) | (192, 0, 0) | (192, 88, 99) | (198, 18 | 19, _));
    !(of_azure
        || reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

/// Accepts only global unicast addresses, and none that embeds a non-public IPv4 address.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // IPv4-mapped, and NAT64.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // 6to4.
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo, benchmarking and other protocols; documentation.
        [0x2001, ..0x0200 | 0xdb8, ..] => false,
        [0x2000..=0x3ffe, ..] => true,
        _ => false,
    }
}

/// An event that a caller is notified of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallbackEvent {
    /// The job is held and waits for an operator.
    Held,
    /// The job has ended.
    Ended,
}

impl CallbackEvent {
    /// Returns the name used in message ids and in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Ended => "ended",
        }
    }
}

/// A callback that is finished, delivered or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackSettled {
    pub event: CallbackEvent,
    /// Whether the receiver accepted it; otherwise skillsync gave up.
    pub delivered: bool,
    pub at: Timestamp,
}

/// Progress of a job's callbacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallbackProgress {
    pub settled: Option<CallbackSettled>,
    /// Attempts by this process at the current or settled callback.
    pub attempts: u32,
    /// Result of the last attempt.
    pub last: Option<Box<str>>,
    pub next_attempt_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: CallbackRules = CallbackRules { enabled: true, allow_http: false, allow_private_networks: false };

    #[test]
    fn only_what_the_rules_permit_is_taken() {
        use CallbackUrlError::{Credentials, NotAUrl, NotEnabled, NotHttps, Private};
        let check = |text: &str| CallbackUrl::new(text, STRICT).err();
        assert_eq!(check("https://hr.example.com/hook?token=x"), None);
        assert_eq!(check("https://8.8.8.8/"), None);
        for (text, error) in [
            ("http://hr.example.com/", NotHttps),
            ("ftp://hr.example.com/", NotAUrl),
            ("/hook", NotAUrl),
            ("https://", NotAUrl),
            ("https://a b/", NotAUrl),
            (&format!("https://x/{}", "a".repeat(2048)), NotAUrl),
            ("https://me:secret@hr.example.com/", Credentials),
            ("https://127.0.0.1/", Private),
            ("https://127.1/", Private),
            ("https://0x7f000001/", Private),
            ("https://2130706433/", Private),
            ("https://[::1]/", Private),
            ("https://[::ffff:10.0.0.1]/", Private),
            ("https://169.254.169.254/latest", Private),
        ] {
            assert_eq!(check(text), Some(error), "{text}");
        }
        let lenient = CallbackRules { allow_http: true, allow_private_networks: true, ..STRICT };
        assert!(CallbackUrl::new("http://127.0.0.1:9/", lenient).is_ok());
        assert_eq!(CallbackUrl::new("https://x/", CallbackRules::default()), Err(NotEnabled));
    }

    #[test]
    fn urls_of_one_receiver_are_told_by_host_and_port() {
        let receiver = |text: &str| CallbackUrl::kept(text.into()).receiver();
        assert_eq!(receiver("https://HR.example.com/a"), receiver("https://hr.example.com:443/b?c"));
        assert_eq!(receiver("https://[2a00:1:2:3::1]/"), receiver("https://[2a00:1:2:3:4:5:6:7]/"));
        for (one, other) in [
            ("https://hr.example.com/", "https://hr.example.com:8443/"),
            ("https://[2a00:1:2:3::1]/", "https://[2a00:1:2:4::1]/"),
            ("https://8.8.8.8/", "https://8.8.4.4/"),
        ] {
            assert_ne!(receiver(one), receiver(other));
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let url = CallbackUrl::new("https://hr.example.com/hook?token=x", STRICT).unwrap();
        assert_eq!(url.shown(), "https://hr.example.com/hook");
        assert!(!format!("{url:?}").contains("token"));
    }

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for address in
            ["8.8.8.8", "168.63.129.15", "100.63.0.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808", "2a00::1"]
        {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "168.63.129.16",
            "::ffff:168.63.129.16",
            "64:ff9b::a83f:8110",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
