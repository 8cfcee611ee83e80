//! Turns what HR systems send into the people it concerns and the assignments that follow for them.
//!
//! Verifying a signature and mapping a payload require no knowledge of HTTP or Genesys. Whatever waits (a filter that
//! runs, a record that is fetched) has an upper bound on how long it may take.

mod admission;
mod answer;
mod attributes;
mod columns;
mod dates;
mod delivery;
mod export;
pub mod filter;
mod intake;
mod key_rule;
mod mapped;
mod mapping;
mod nearest;
mod numbers;
mod people;
mod record;
mod rules;
mod senders;
pub mod signature;
mod source;
mod sources;
mod table;

pub use self::attributes::Attributes;
pub use self::columns::{LooseColumn, MissingColumns};
pub use self::delivery::{DeliveredBody, Refused};
pub use self::intake::{
    Export, ImportError, Imported, Intake, IntakeDependencies, IntakeError, Receipt, RequestOrigin,
};
pub use self::intake::{UnreadCounts, UnreadRecord};
pub use self::intake::{is_known_person, speaks_of_people};
pub use self::mapped::{ExportForm, Mapped, Mapping, MappingError, PersonFault};
pub use self::people::{Changed, NotUnderstood, PayloadPlace};
pub use self::record::{RecordTransport, Setback, over_http};
pub use self::rules::{Derived, Rules};
pub use self::senders::signature_scheme;
pub use self::source::Source;
pub use self::sources::Sources;
