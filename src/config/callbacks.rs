//! `[callbacks]`: notification of callers when a job ends or is held.

use std::path::PathBuf;

use documented::DocumentedFields;
use secrecy::SecretString;
use serde::Deserialize;

use super::{ConfigError, contradiction};
use crate::charset;

/// `[callbacks]`: signed messages to the caller when a job ends or is held. Without a secret, none are sent.
#[derive(Debug, Clone, Default, Deserialize, DocumentedFields)]
#[serde(deny_unknown_fields, default)]
pub struct CallbacksConfig {
    /// Receiver of callbacks for jobs that name none.
    pub url: Option<String>,
    /// Secret that signs the messages, created by: echo whsec_$(openssl rand -base64 32). Prefer `secret_file`.
    secret: Option<SecretString>,
    /// File that contains the secret; replaces secret.
    secret_file: Option<PathBuf>,
    /// Allow callbacks over plain HTTP.
    pub allow_http: bool,
    /// Allow callbacks to this machine and to private networks. Anyone who may submit jobs can then make this service
    /// send requests there.
    pub allow_private_networks: bool,
}

impl CallbacksConfig {
    /// Returns the secret, from the key or the file that is configured.
    pub fn secret(&self) -> Result<Option<SecretString>, ConfigError> {
        match (&self.secret, &self.secret_file) {
            (Some(_), Some(_)) => {
                Err(contradiction("callbacks.secret", "conflicts with callbacks.secret_file; set only one of them"))
            }
            (Some(secret), None) => Ok(Some(secret.clone())),
            (None, Some(file)) => match charset::text_of_file(file) {
                Ok(secret) => Ok(Some(secret.trim().to_owned().into())),
                Err(error) => Err(contradiction("callbacks.secret_file", format!("{}: {error}", file.display()))),
            },
            (None, None) if self.url.is_some() => Err(contradiction(
                "callbacks.secret",
                "is missing, but callbacks.url is set; set it or callbacks.secret_file",
            )),
            (None, None) => Ok(None),
        }
    }
}
