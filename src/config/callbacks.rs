//! `[callbacks]`: telling others that a job has ended.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::{ConfigError, contradiction};
use crate::charset;

/// `[callbacks]`: signed messages to whoever asked for one, when a job ends or is held. Without a secret there are none.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallbacksConfig {
    /// `callbacks.url`: who is told of jobs that name nobody themselves.
    pub url: Option<String>,
    /// `callbacks.secret`: what messages are signed with, as Standard Webhooks writes it: `whsec_` and Base64 of at least
    /// 24 bytes.
    secret: Option<SecretString>,
    /// `callbacks.secret_file`: a file that holds the secret.
    secret_file: Option<PathBuf>,
    /// `callbacks.allow_http`: whether messages may go over plain HTTP.
    pub allow_http: bool,
    /// `callbacks.allow_private_networks`: whether messages may go to this machine and to private networks. Whoever may
    /// submit jobs can then make this service send requests there.
    pub allow_private_networks: bool,
}

impl CallbacksConfig {
    /// The secret, from wherever it is configured.
    pub fn secret(&self) -> Result<Option<SecretString>, ConfigError> {
        match (&self.secret, &self.secret_file) {
            (Some(_), Some(_)) => Err(contradiction("callbacks.secret", "is given as well as callbacks.secret_file")),
            (Some(secret), None) => Ok(Some(secret.clone())),
            (None, Some(file)) => match charset::text_of_file(file) {
                Ok(secret) => Ok(Some(secret.trim().to_owned().into())),
                Err(error) => Err(contradiction("callbacks.secret_file", format!("{}: {error}", file.display()))),
            },
            (None, None) if self.url.is_some() => {
                Err(contradiction("callbacks.secret", "is missing (or callbacks.secret_file)"))
            }
            (None, None) => Ok(None),
        }
    }
}
