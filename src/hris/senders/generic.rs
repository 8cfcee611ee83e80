//! A sender of which nothing is known: the source configures how it signs, and what tells its deliveries apart.

use super::{Deduplication, Payload, Sender, records};
use crate::hris::dates::DateReader;
use crate::hris::people::{NotUnderstood, Told};

/// The defaults for all senders.
pub(super) const SENDER: Sender = Sender {
    name: "generic",
    scheme: None,
    deduplication: Deduplication::Configured,
    read,
    sends_ids_only: false,
    tells_dates: false,
    id_attribute: None,
    leaver: &[],
    is_handshake: |_| false,
    status_of_item: |_| None,
};

/// Reads the payload as records of people.
fn read(delivery: &Payload<'_>, _: &mut DateReader<'_>) -> Result<Told, NotUnderstood> {
    records(delivery.bytes)
}
