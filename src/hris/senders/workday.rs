//! Workday: business processes send what the customer configures, and reports consist of records.

use super::{Sender, generic};

pub(super) const SENDER: Sender = Sender { name: "workday", ..generic::SENDER };
