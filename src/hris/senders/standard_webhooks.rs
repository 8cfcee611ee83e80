//! Senders that sign as <https://www.standardwebhooks.com> specifies, and send records.

use super::{Deduplication, Sender, generic};
use crate::hris::signature::Scheme;

pub(super) const SENDER: Sender = Sender {
    name: "standardWebhooks",
    scheme: Some(Scheme::standard_webhooks),
    deduplication: Deduplication::SignedId,
    ..generic::SENDER
};
