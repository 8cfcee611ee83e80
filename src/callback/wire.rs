//! The HTTP client for callbacks, which checks the addresses that it actually connects to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Answer, CallbackMessage, Post};
use crate::domain::callback::{CallbackRules, CallbackUrl, is_public};
use crate::outbound::{self, Proxies, innermost_cause};
use crate::retry_after::retry_after;

/// Maximum time of one attempt, from name resolution to the head of the response.
const ATTEMPT: Duration = Duration::from_secs(15);

/// Sends callbacks over the network. Does not follow redirects and uses no proxies: a callback goes only where its URL
/// points.
#[derive(Debug, Clone)]
pub struct CallbackWire {
    client: reqwest::Client,
    rules: CallbackRules,
}

impl CallbackWire {
    /// Returns a client that sends only what the rules permit.
    pub fn new(rules: CallbackRules) -> Result<Self, reqwest::Error> {
        let client = outbound::client_builder(Proxies::Configured)
            .https_only(!rules.allow_http)
            .connect_timeout(ATTEMPT)
            .timeout(ATTEMPT)
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(Guarded { allow_private: rules.allow_private_networks }))
            .build()?;
        Ok(Self { client, rules })
    }

    /// Makes one attempt. Returns why it failed if the receiver gave no response.
    pub(super) async fn send(&self, url: &CallbackUrl, message: CallbackMessage) -> Result<Answer, String> {
        // Checked again because the rules may have become stricter since the job was accepted, and because the resolver
        // does not see IP addresses in the URL itself.
        CallbackUrl::new(url.as_str(), self.rules).map_err(|error| format!("the URL {error}"))?;
        let request = self
            .client
            .post(url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.at.as_second())
            .header("webhook-signature", message.signature)
            .body(message.body);
        #[expect(
            clippy::disallowed_methods,
            reason = "callbacks do not go to Genesys, so not through the rate limiter"
        )]
        let answer = request.send().await.map_err(|error| innermost_cause(&error))?;
        let retry_after = retry_after(answer.headers(), message.at);
        Ok(Answer { status: answer.status().as_u16(), retry_after })
    }
}

#[async_trait]
impl Post for CallbackWire {
    async fn post(&self, url: &CallbackUrl, message: CallbackMessage) -> Result<Answer, String> {
        self.send(url, message).await
    }
}

/// Resolves names and removes forbidden addresses. The client connects to exactly the addresses returned here, so a
/// name that later resolves differently (DNS rebinding) gains nothing.
#[derive(Debug)]
struct Guarded {
    allow_private: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let permitted: Vec<SocketAddr> = found.filter(|found| allow_private || is_public(found.ip())).collect();
            if permitted.is_empty() {
                return Err(
                    "the host is in a private network; set callbacks.allow_private_networks to permit it".into()
                );
            }
            let permitted: Addrs = Box::new(permitted.into_iter());
            Ok(permitted)
        })
    }
}
