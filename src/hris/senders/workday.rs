//! Workday: its business processes send what the customer makes them send, and its reports are records.

use super::{Sender, generic};

pub(super) const SENDER: Sender = Sender { name: "workday", ..generic::SENDER };
