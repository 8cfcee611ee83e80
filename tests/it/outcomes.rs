//! How entries end: what cannot be resolved, what each mode does to each target, what waits while Genesys is down.

use std::time::Duration;

use genesys_simulator::{
    Assignment, Behaviour, Body, CatalogueEntry, Explicit, Fault, FaultKind, Moment, Outage, Population, Route,
    Scenario, SimUser, Target as SimTarget, UserState,
};
use skillsync::domain::assignment::{Proficiency, Target};
use skillsync::domain::entry::{AssignmentName, EntryRequest, ListedAssignment};
use skillsync::domain::{EntryState, Mode, Reason, UserId, UserRef};
use uuid::Uuid;

use crate::bed::{Bed, in_state};

fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x1000 + n)
}

fn user(n: u128, employee_id: &str, state: UserState) -> SimUser {
    SimUser {
        id: id(n),
        name: format!("User {n}"),
        email: format!("user{n}@example.com"),
        employee_id: Some(employee_id.to_owned()),
        external_ids: Vec::new(),
        state,
        skills: vec![Assignment::skill(id(200), 2.0), Assignment::skill(id(201), 3.0)],
        languages: Vec::new(),
        groups: vec![id(100), id(101)],
    }
}

/// Six users; assignments A to D and two of one name. Everybody has A and B, which are foreign to us.
fn small_org() -> Scenario {
    let catalogue = |first: u128| {
        let names = ["A", "B", "C", "D", "Twin", "Twin"];
        (first..).zip(names).map(|(n, name)| CatalogueEntry { id: id(n), name: name.to_owned() }).collect()
    };
    let active = UserState::Active;
    let users = vec![
        user(1, "E1", active),
        user(2, "E2", active),
        user(3, "E3", active),
        user(4, "E4", active),
        user(5, "E5", UserState::Inactive),
        user(6, "E6", active),
        user(7, "E6", active),
    ];
    let explicit = Explicit { users, groups: catalogue(100), skills: catalogue(200), ..Explicit::default() };
    Scenario { seed: 1, population: Population::Explicit(explicit), ..Scenario::default() }
}

fn entry(user: UserRef, names: &[&str], proficiency: Option<f64>) -> EntryRequest {
    let listed = |name: &&str| ListedAssignment {
        name: AssignmentName::Name((*name).into()),
        proficiency: proficiency.and_then(Proficiency::new),
        because: None,
        left_as_is: false,
    };
    EntryRequest { reference: None, user, assignments: names.iter().map(listed).collect(), occurred_at: None }
}

fn employee(employee_id: &str) -> UserRef {
    UserRef::EmployeeId(employee_id.into())
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_resolved_ends_with_its_reason_and_the_others_go_on() {
    let bed = Bed::start(&small_org(), "");
    let entries = vec![
        (entry(employee("E1"), &["C"], None), None),
        (entry(UserRef::Email("USER2@example.com".into()), &["c"], None), None),
        (entry(UserRef::Id(UserId(id(3))), &["C"], None), None),
        (entry(employee("E99"), &["C"], None), Some(Reason::UserNotFound)),
        (entry(employee("E6"), &["C"], None), Some(Reason::UserAmbiguous)),
        (entry(employee("E5"), &["C"], None), Some(Reason::UserInactive)),
        (entry(employee("E4"), &["Nonsense"], None), Some(Reason::AssignmentNotFound)),
        (entry(employee("E4"), &["Twin"], None), Some(Reason::AssignmentAmbiguous)),
    ];
    let (requests, expected): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
    let job = bed.submit(Target::WfmSkillGroups, Mode::Add, requests).await;
    let job = bed.finish(job).await;
    for (entry, expected) in bed.entries(job.id).iter().zip(expected) {
        assert_eq!(entry.result.reason, expected, "{entry:?}");
        assert_eq!(entry.state == EntryState::Applied, expected.is_none(), "{entry:?}");
        assert_eq!(entry.result.message.is_some(), expected.is_some(), "a failure says what to do");
    }
}

#[tokio::test(start_paused = true)]
async fn each_mode_does_to_both_targets_what_it_says() {
    for (mode, expected) in [
        (Mode::Add, &["A", "B", "C"][..]),
        (Mode::Remove, &["A", "B"][..]),
        (Mode::Managed, &["A", "B", "C"][..]),
        (Mode::Replace, &["C"][..]),
    ] {
        for (target, simulated, first) in [
            (Target::WfmSkillGroups, SimTarget::WfmSkillGroups, 100),
            (Target::RoutingSkills, SimTarget::RoutingSkills, 200),
        ] {
            let bed = Bed::start(&small_org(), "");
            let rating = (target == Target::RoutingSkills).then_some(4.5);
            let job = bed.submit(target, mode, vec![entry(employee("E1"), &["C"], rating)]).await;
            let job = bed.finish(job).await;
            let names = ["A", "B", "C", "D"];
            let state = bed.simulator.assignments_of(id(1), simulated).unwrap();
            let mut has: Vec<_> =
                state.iter().map(|a| names[(a.id.as_u128() - id(first).as_u128()) as usize]).collect();
            has.sort_unstable();
            assert_eq!(has, expected, "{mode:?} {target:?} {:?}", bed.entries(job.id));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_skill_that_was_deactivated_at_a_user_is_not_had_and_is_activated() {
    let mut scenario = small_org();
    scenario.behaviour.deactivated_skills = 1.0;
    for (mode, activations) in [(Mode::Add, 1), (Mode::Managed, 1), (Mode::Replace, 1), (Mode::Remove, 0)] {
        let bed = Bed::start(&scenario, "");
        let lists_b = || vec![entry(employee("E1"), &["B"], Some(3.0))];
        let done = bed.submit(Target::RoutingSkills, mode, lists_b()).await;
        let done = bed.finish(done).await;
        let expected = if mode == Mode::Remove { EntryState::Unchanged } else { EntryState::Applied };
        assert_eq!(in_state(&done, expected), 1, "{mode:?} {:?}", bed.entries(done.id));
        let updates =
            || bed.simulator.ledger().requests().iter().filter(|it| it.route == Route::UserSkillUpdate).count();
        assert_eq!(updates(), activations, "{mode:?}");
        // Now the user has it.
        let again = bed.submit(Target::RoutingSkills, mode, lists_b()).await;
        assert_eq!(in_state(&bed.finish(again).await, EntryState::Unchanged), 1, "{mode:?}");
        assert_eq!(updates(), activations, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_managed_assignment_is_taken_away_when_it_is_no_longer_listed_and_others_are_not() {
    let bed = Bed::start(&small_org(), "[sync]\nmanaged = ['B']");
    for names in [&["C", "D"][..], &["D"][..]] {
        let job = bed.submit(Target::WfmSkillGroups, Mode::Managed, vec![entry(employee("E1"), names, None)]).await;
        assert_eq!(in_state(&bed.finish(job).await, EntryState::Applied), 1);
    }
    // A is foreign and stays; B is configured as ours; C was ours and is no longer listed.
    let state = bed.simulator.assignments_of(id(1), SimTarget::WfmSkillGroups).unwrap();
    assert_eq!(state.iter().map(|a| a.id).collect::<Vec<_>>(), [id(100), id(103)]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_would_be_done_and_writes_nothing() {
    use skillsync::domain::job::{JobSpec, SameUser};
    let bed = Bed::start(&small_org(), "");
    let spec =
        JobSpec { dry_run: true, same_user: SameUser::InOrder, ..JobSpec::new(Target::WfmSkillGroups, Mode::Replace) };
    let job = bed.service.engine.submit(spec, vec![entry(employee("E1"), &["C"], None)]).await.unwrap().id;
    bed.finish(job).await;
    let entries = bed.entries(job);
    assert_eq!(entries[0].state, EntryState::Planned);
    assert_eq!(entries[0].result.effects.overwritten.len(), 2);
    assert_eq!(bed.simulator.statistics().client_writes, 0);
}

#[tokio::test(start_paused = true)]
async fn changes_of_one_user_are_folded_into_one_write() {
    let bed = Bed::start(&small_org(), "");
    let entries = ["C", "D", "C"].map(|name| entry(employee("E1"), &[name], None));
    let job = bed.submit(Target::WfmSkillGroups, Mode::Add, entries.into()).await;
    let job = bed.finish(job).await;
    assert_eq!(in_state(&job, EntryState::Applied), 2);
    assert_eq!(in_state(&job, EntryState::Unchanged), 1);
    assert_eq!(bed.simulator.statistics().client_writes, 1);
}

#[tokio::test(start_paused = true)]
async fn jobs_wait_while_genesys_is_out_of_reach_and_resume_by_themselves() {
    for outage in [Outage::Reset, Outage::Unavailable] {
        let bed = Bed::start(&small_org(), "");
        bed.simulator.set_outage(Some(outage));
        let job = bed.submit(Target::WfmSkillGroups, Mode::Add, vec![entry(employee("E1"), &["C"], None)]).await;
        tokio::time::sleep(Duration::from_secs(3 * 3600)).await;
        assert_eq!(bed.service.engine.job(job).unwrap().counts.open(), 1);
        bed.simulator.set_outage(None);
        assert_eq!(in_state(&bed.finish(job).await, EntryState::Applied), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn after_all_patience_an_entry_fails_as_unavailable() {
    let bed = Bed::start(&small_org(), "[sync]\npatience = '1h'");
    bed.simulator.set_outage(Some(Outage::Unavailable));
    let job = bed.submit(Target::WfmSkillGroups, Mode::Add, vec![entry(employee("E1"), &["C"], None)]).await;
    let job = bed.finish(job).await;
    assert_eq!(bed.entries(job.id)[0].result.reason, Some(Reason::UpstreamUnavailable));
}

#[tokio::test(start_paused = true)]
async fn what_has_not_begun_can_be_cancelled() {
    let bed = Bed::start(&small_org(), "");
    bed.simulator.set_outage(Some(Outage::Unavailable));
    let job = bed.submit(Target::WfmSkillGroups, Mode::Add, vec![entry(employee("E1"), &["C"], None)]).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    bed.service.engine.cancel(job).await;
    let job = bed.finish(job).await;
    assert_eq!(in_state(&job, EntryState::Cancelled), 1);
    assert_eq!(job.status, skillsync::domain::job::JobStatus::Cancelled);
    bed.simulator.set_outage(None);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bed.simulator.statistics().client_writes, 0);
    assert_eq!(bed.service.engine.occupied_slots(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_fails_half_way_says_that_a_part_may_have_been_carried_out() {
    let refused = FaultKind::Status { status: 403, moment: Moment::BeforeEffect, body: Body::Json };
    let behaviour = Behaviour { faults: vec![Fault::on(&[Route::UserSkillRemove], refused)], ..Behaviour::default() };
    let bed = Bed::start(&Scenario { behaviour, ..small_org() }, "[sync]\nmanaged = ['A']");
    let entries = vec![entry(employee("E1"), &["C"], Some(4.0))];
    let job = bed.submit(Target::RoutingSkills, Mode::Managed, entries).await;
    bed.finish(job).await;
    let failed = bed.entries(job).remove(0);
    assert_eq!((failed.state, failed.result.reason), (EntryState::Failed, Some(Reason::Forbidden)));
    let message = failed.result.message.unwrap();
    assert!(message.contains("Part of the entry may have been carried out"), "{message}");
    let part = &failed.result.effects.difference;
    assert_eq!((part.added.len(), part.removed.len()), (1, 0), "what was answered is named: {part:?}");
    let skills = bed.simulator.assignments_of(id(1), SimTarget::RoutingSkills).unwrap();
    assert_eq!(skills.len(), 3, "C was added, A was not removed");
}
