//! Bugs that random runs have found, as the smallest plans that showed them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use genesys_simulator::{
    Behaviour, Body, Busy, Conflicts, Fault, FaultKind, ForeignWriter, Generated, Moment, Population, ReadLag, Route,
    Scenario, Share, Target,
};
use http::{Method, Request};
use skillsync::domain::Mode;
use skillsync::domain::job::SameUser;
use skillsync::genesys::transport::Transport;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::life::{Joints, SOUND};
use super::plan::{Naming, Operation, Plan, Settings, Submission, What, Wish};
use super::run::run;
use super::{story, verdict};

fn plan(behaviour: Behaviour, operations: Vec<Operation>) -> Plan {
    let one =
        Generated { users: 1, skills: 6, groups: 6, skills_per_user: 1, groups_per_user: 1, ..Generated::default() };
    let scenario = Scenario { seed: 7, population: Population::Generated(one), behaviour, ..Scenario::default() };
    let settings = Settings { write_without_read: true, ..Settings::default() };
    Plan { scenario, settings, operations, hostile: None }
}

fn conflicts(conflicts: Conflicts) -> Behaviour {
    Behaviour { conflicts, ..Behaviour::default() }
}

fn submit(at: u64, target: Target, mode: Mode, items: &[(usize, Option<u8>)]) -> Operation {
    let entries = vec![Wish { user: 0, naming: Naming::Id, items: items.to_vec(), occurred: None }];
    Operation {
        at,
        what: What::Submit(Submission {
            target,
            mode,
            dry_run: false,
            urgent: false,
            same_user: SameUser::InOrder,
            owner: "default",
            entries,
        }),
    }
}

fn holds(plan: &Plan) {
    let found = verdict(plan, SOUND);
    assert!(found.is_empty(), "{found:#?}\n{}", story::told(&run(plan, SOUND)));
}

fn everybody_lags(seconds: u64, times: u32) -> ReadLag {
    ReadLag { share: Share::Rate(1.0), lag: Duration::from_secs(seconds), times, own_writes: true }
}

/// A replica did not show what was written a moment before, and a `replace` computed from it lost a rating.
#[test]
fn what_was_written_a_moment_ago_is_waited_for_where_there_are_no_versions() {
    let lagging = conflicts(Conflicts { read_lag: everybody_lags(5, 0), ..Conflicts::default() });
    let first = submit(0, Target::RoutingSkills, Mode::Managed, &[(1, Some(3)), (2, Some(3))]);
    holds(&plan(lagging, vec![first, submit(2_000, Target::RoutingSkills, Mode::Replace, &[(1, None), (3, None)])]));
}

/// The answer to a write was lost and a replica did not show it: the entry that undid it found nothing to do.
#[test]
fn a_lost_answer_that_a_replica_hides_does_not_pass_for_a_write_that_was_not_made() {
    for (target, route) in [(Target::WfmSkillGroups, Route::WfmWrite), (Target::RoutingSkills, Route::UserSkillsAdd)] {
        let lost = FaultKind::Status { status: 504, moment: Moment::AfterEffect, body: Body::Empty };
        let mut behaviour = conflicts(Conflicts { read_lag: everybody_lags(5, 0), ..Conflicts::default() });
        behaviour.faults = vec![Fault::on(&[route], lost).at_most(1)];
        let undo = submit(330, target, Mode::Remove, &[(1, None), (2, None), (3, None)]);
        holds(&plan(behaviour, vec![submit(0, target, Mode::Add, &[(1, None), (2, None), (3, None)]), undo]));
    }
}

/// Writes that met a lagging replica used up the attempts, and a user whom nothing blocks ended as blocked.
#[test]
fn a_lagging_replica_uses_up_no_attempt() {
    let lagging = conflicts(Conflicts { read_lag: everybody_lags(8, 3), ..Conflicts::default() });
    holds(&plan(lagging, vec![submit(0, Target::WfmSkillGroups, Mode::Replace, &[(1, None), (2, None)])]));
}

/// A job was cancelled in the middle of a conflict; the next one wrote with the version that had just been refused.
#[test]
fn a_version_that_was_refused_is_not_used_by_the_next_job() {
    let busy = Busy { share: Share::Rate(1.0), lasts: Duration::from_secs(4) };
    let behaviour = conflicts(Conflicts { busy, ..Conflicts::default() });
    let first = submit(0, Target::WfmSkillGroups, Mode::Managed, &[(1, None), (2, None)]);
    let cancelled = Operation { at: 1_500, what: What::Cancel(0) };
    holds(&plan(behaviour, vec![first, cancelled, submit(9_000, Target::WfmSkillGroups, Mode::Add, &[(4, None)])]));
}

/// A reconciliation ended by a panic, and an entry that it had taken up on the way never ended.
#[test]
fn a_panic_loses_no_entry_that_was_taken_up_on_the_way() {
    let foreign_writer = ForeignWriter { share: Share::Rate(1.0), ..ForeignWriter::default() };
    let behaviour = conflicts(Conflicts { foreign_writer, ..Conflicts::default() });
    let first = submit(0, Target::WfmSkillGroups, Mode::Add, &[(1, None), (2, None)]);
    let plan = plan(behaviour, vec![first, submit(220, Target::WfmSkillGroups, Mode::Add, &[(3, None), (4, None)])]);
    let found = verdict(&plan, Joints { wire: panicking_at_the_second_write, ..SOUND });
    assert!(found.is_empty(), "{found:#?}");
}

fn panicking_at_the_second_write(wire: Transport) -> Transport {
    let writes = Arc::new(AtomicUsize::new(0));
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (wire, writes) = (wire.clone(), Arc::clone(&writes));
        async move {
            let second = request.method() == Method::PATCH && writes.fetch_add(1, Ordering::Relaxed) == 1;
            assert!(!second, "a defect in the middle of a pass");
            wire.oneshot(request).await
        }
    }))
}

/// A refusal in the shape of a 400 whose body could not be read ended as `rejected`.
#[test]
fn a_400_that_does_not_say_why_is_looked_into() {
    let foreign_writer = ForeignWriter { share: Share::Rate(1.0), ..ForeignWriter::default() };
    let mut behaviour = conflicts(Conflicts { foreign_writer, ..Conflicts::default() });
    behaviour.conflicts.shapes.insert(Route::WfmWrite, genesys_simulator::ConflictShape::VersionMessage);
    behaviour.faults = vec![Fault::on(&[Route::WfmWrite], FaultKind::Garbled { body: Body::NotJson }).at_most(1)];
    holds(&plan(behaviour, vec![submit(0, Target::WfmSkillGroups, Mode::Add, &[(1, None), (2, None)])]));
}

/// Two writes in a row without an answer, one undoing the other: a replica that showed the state before both was taken for
/// the proof of the second.
#[test]
fn a_state_before_two_lost_answers_does_not_prove_the_second() {
    holds(&Plan::from_seed(200_527));
}
