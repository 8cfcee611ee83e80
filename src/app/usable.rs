//! Checks whether a start could use a configuration, by building everything that depends on it alone and dropping it.
//!
//! Does not check what only the start can find out, for example whether the journal is in use or the port is taken.

use super::callbacks::CalledBack;
use super::{endpoints, transport_settings};
use crate::config::{Config, ConfigError};
use crate::genesys::transport::{TransportSettingsError, over_http};
use crate::hris::filter::FilterRunner;
use crate::hris::{self, Sources};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Transport(#[from] TransportSettingsError),
}

/// Checks everything that the start builds from a configuration.
pub fn check(config: &Config) -> Result<(), Unusable> {
    check_all_but_sources(config)?;
    Sources::compile(&config.webhooks, FilterRunner::of_this_program())?;
    Ok(())
}

/// Like [`check`], but without the sources, for callers that check each of them individually.
pub fn check_all_but_sources(config: &Config) -> Result<(), Unusable> {
    over_http(&transport_settings(config)?)?;
    endpoints(config)?;
    config.genesys.login_url()?;
    config.genesys.client_secret()?;
    CalledBack::configured(&config.callbacks)?.wire()?;
    hris::over_http()?;
    Ok(())
}
