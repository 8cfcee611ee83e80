//! Whether a start could use a configuration: what is made of it alone is made once, and dropped.
//!
//! What only the start can find out (whether the journal is in use, the port is taken) is not looked at.

use super::callbacks::CalledBack;
use super::{endpoints, transport_settings};
use crate::config::{Config, ConfigError};
use crate::genesys::transport::{TransportSettingsError, over_http};
use crate::hris::filter::FilterRunner;
use crate::hris::{self, Sources};

/// Why no start could use a configuration.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Transport(#[from] TransportSettingsError),
}

/// Everything that the start makes of a configuration.
pub fn check(config: &Config) -> Result<(), Unusable> {
    check_all_but_sources(config)?;
    Sources::compile(&config.webhooks, FilterRunner::of_this_program())?;
    Ok(())
}

/// The same for who looks at each source singly.
pub fn check_all_but_sources(config: &Config) -> Result<(), Unusable> {
    over_http(&transport_settings(config)?)?;
    endpoints(config)?;
    config.genesys.login_url()?;
    config.genesys.client_secret()?;
    CalledBack::configured(&config.callbacks)?.wire()?;
    hris::over_http()?;
    Ok(())
}
