//! Weaknesses of a valid configuration: secrets that can be guessed, or read in transit.

use secrecy::ExposeSecret;
use url::Url;

use super::Config;
use crate::address::is_local;

/// Minimum length of an HMAC key in bytes; shorter keys can be guessed (NIST SP 800-107: at least half the digest's
/// length).
const LEAST_BYTES: usize = 16;

impl Config {
    /// Returns the weaknesses of a configuration that can be used nonetheless, each with its key and the remedy.
    pub fn weaknesses(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (key, address) in
            [("genesys.api_url", self.genesys.api_url()), ("genesys.login_url", self.genesys.login_url())]
        {
            let plain = |url: &Url| url.scheme() == "http" && !is_local(url);
            if address.ok().and_then(|address| address.parse().ok()).is_some_and(|url: Url| plain(&url)) {
                found.push(format!(
                    "{key}: secrets and personal data travel to another machine over plain HTTP; use https"
                ));
            }
        }
        for source in &self.webhooks {
            let short = |secret: &secrecy::SecretString| secret.expose_secret().len() < LEAST_BYTES;
            if source.secrets().is_ok_and(|secrets| secrets.iter().any(short)) {
                found.push(format!(
                    "webhooks.{}: secret: is shorter than {LEAST_BYTES} bytes and can be guessed; create one with `openssl rand -hex 32`",
                    source.name
                ));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weaknesses(url: &str, secret: &str) -> usize {
        let toml = format!(
            "[genesys]\napi_url = '{url}'\nlogin_url = '{url}'\nclient_id = 'i'\nclient_secret = 's'\n[[webhooks]]\n\
             name = 'hr'\npreset = 'merge'\ntarget = 'routingSkills'\nsecret = '{secret}'\nuser = {{ email = 'e' }}"
        );
        Config::from_toml(&toml).unwrap().weaknesses().len()
    }

    #[test]
    fn short_secrets_and_plain_http_to_others_are_weak() {
        let long = "0123456789abcdef";
        for (url, secret, weak) in [
            ("https://api.example.com", long, 0),
            ("http://127.0.0.1:9", long, 0),
            ("http://localhost:9", long, 0),
            ("http://api.example.com", long, 2),
            ("http://127.evil.example", long, 2),
            ("https://api.example.com", "k", 1),
            ("http://10.0.0.1", "k", 3),
        ] {
            assert_eq!(weaknesses(url, secret), weak, "{url} {secret}");
        }
    }
}
