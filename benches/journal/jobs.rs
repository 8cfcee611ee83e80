//! The jobs that are written down.

use jiff::Timestamp;
use skillsync::domain::entry::{AssignmentName, EntryOrder, EntryRequest, ListedAssignment};
use skillsync::domain::job::{JobSpec, SameUser};
use skillsync::domain::{JobId, Mode, Target, UserRef};
use skillsync::journal::AcceptedJob;
use uuid::Uuid;

/// A job with so many entries, of two assignments each.
pub(crate) fn job(entries: usize) -> AcceptedJob {
    let spec = JobSpec { same_user: SameUser::InOrder, ..JobSpec::new(Target::WfmSkillGroups, Mode::Managed) };
    AcceptedJob {
        id: JobId(Uuid::now_v7()),
        spec,
        created_at: date(),
        entries: (0..entries).map(order).collect(),
        submitted_by: None,
    }
}

fn order(n: usize) -> EntryOrder {
    let listed = |name: &str| ListedAssignment {
        name: AssignmentName::Name(name.into()),
        proficiency: None,
        because: None,
        left_as_is: false,
    };
    EntryOrder::from(EntryRequest {
        reference: Some(format!("row-{n}").into()),
        user: UserRef::EmployeeId(format!("E{n:07}").into()),
        assignments: [listed("Billing T2"), listed("VIP")].into(),
        occurred_at: None,
    })
}

pub(crate) fn date() -> Timestamp {
    Timestamp::from_second(1_790_000_000).expect("a date")
}
