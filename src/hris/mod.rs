//! What HR systems send: whether it is theirs, whom it is about, and which assignments follow from it.
//!
//! Pure as far as it goes: a signature is verified and a payload mapped without any knowledge of HTTP or Genesys. What
//! waits for something (a filter that runs, a record that is fetched) has a bound on how long.

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
