//! `[server]`: where the HTTP server listens, who may call it, and its limits.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use documented::DocumentedFields;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

use super::{ApiKeyConfig, ConfigError, contradiction, duration};

/// `[server]`: where the HTTP server listens, who may call it, and its limits.
#[derive(Debug, Clone, Deserialize, DocumentedFields)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port to listen on. Any address other than loopback requires `server.api_keys`.
    pub listen: SocketAddr,
    /// How long a shutdown waits for work in progress; a second signal cuts the wait short.
    #[serde(deserialize_with = "duration")]
    pub shutdown_grace: Duration,
    /// Memory that the process may use: 5/16 for jobs, 3/16 for deliveries and 2/16 for other request bodies while they
    /// are read.
    pub max_memory_bytes: usize,
    /// Largest request body, both as sent and after decompression; a larger one gets 413. By default 1/16 of
    /// `max_memory_bytes`, at most 64 MiB.
    max_body_bytes: Option<usize>,
    /// Timeout for reading and answering a request.
    #[serde(deserialize_with = "duration")]
    pub request_timeout: Duration,
    /// `server.api_keys`: who may call the API. Without any key, local callers are admitted without one, and no
    /// others.
    pub api_keys: Vec<ApiKeyConfig>,
    /// Addresses or networks of proxies whose X-Forwarded-For header is trusted; used for the audit record.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Requests per second for each API key; a burst of one second's worth is admitted, and any more get 429.
    pub requests_per_second: NonZeroU32,
    /// Maximum number of open connections. At the limit, a connection that waits for its peer is closed to admit a new
    /// one.
    pub max_connections: NonZeroU32,
    /// Maximum number of concurrent event streams and long polls. By default half of `max_connections`.
    max_streams: Option<NonZeroU32>,
    /// Maximum number of open entries in all jobs together; submissions beyond it get 503.
    pub max_open_entries: u32,
    /// Serve /metrics without an API key.
    pub open_metrics: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            shutdown_grace: Duration::from_secs(30),
            max_memory_bytes: 1024 * 1024 * 1024,
            max_body_bytes: None,
            request_timeout: Duration::from_secs(60),
            api_keys: Vec::new(),
            trusted_proxies: Vec::new(),
            requests_per_second: NonZeroU32::MIN.saturating_add(99),
            max_connections: NonZeroU32::MIN.saturating_add(1023),
            max_streams: None,
            max_open_entries: 1_000_000,
            open_metrics: false,
        }
    }
}

impl ServerConfig {
    /// Returns the maximum number of concurrent event streams and long polls. Each takes a connection, so it is below
    /// `max_connections`.
    pub fn streams(&self) -> usize {
        let streams = self.max_streams.map_or(self.max_connections.get().div_ceil(2), NonZeroU32::get);
        usize::try_from(streams).unwrap_or(usize::MAX)
    }

    /// Returns the maximum size of a request body, in bytes.
    pub fn body_bytes(&self) -> usize {
        const MAX_BYTES: usize = 64 * 1024 * 1024;
        self.max_body_bytes.unwrap_or(MAX_BYTES.min(self.max_memory_bytes / 16))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        const LEAST: usize = 128 * 1024 * 1024;
        if self.max_memory_bytes < LEAST {
            return Err(contradiction("server.max_memory_bytes", format!("must be at least {LEAST}")));
        }
        let most = self.max_memory_bytes / 16;
        if self.body_bytes() > most {
            return Err(contradiction(
                "server.max_body_bytes",
                format!("must be at most {most}, which is 1/16 of server.max_memory_bytes"),
            ));
        }
        match self.max_streams.filter(|streams| *streams >= self.max_connections) {
            Some(streams) => Err(contradiction(
                "server.max_streams",
                format!("must be less than server.max_connections ({}), but is {streams}", self.max_connections),
            )),
            None => Ok(()),
        }
    }
}

/// Deserializes networks; a single address counts as a network.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let network = |text: String| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let wrong =
            |_| de::Error::custom(format!("{text:?} is neither an IP address nor a network such as 10.0.0.0/8"));
        text.parse::<IpNet>().or_else(|_| address()).map_err(wrong)
    };
    Vec::<String>::deserialize(deserializer)?.into_iter().map(network).collect()
}
