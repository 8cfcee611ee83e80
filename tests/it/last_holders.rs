//! Skills that a job, however small, would take from the last who have them in the org: what is held, and what that costs.

use genesys_simulator::{
    Assignment, Body, Fault, FaultKind, Generated, Moment, Population, Route, Scenario, Target as SimTarget, UserState,
};
use skillsync::domain::entry::EntryRequest;
use skillsync::domain::job::JobStatus;
use skillsync::domain::{JobId, Mode, Target};
use skillsync::engine::JobSnapshot;

use crate::bed::{Bed, employee};

const TARGETS: [(Target, &str, &str); 2] =
    [(Target::WfmSkillGroups, "Group 1", "Group 2"), (Target::RoutingSkills, "Skill 1", "Skill 2")];

fn org(users: usize) -> Scenario {
    let population = Generated { users, groups_per_user: 0, skills_per_user: 0, ..Generated::default() };
    Scenario { population: Population::Generated(population), ..Scenario::default() }
}

/// Waits until a job has ended or is held.
async fn decided(bed: &Bed, job: JobId) -> JobSnapshot {
    let mut revisions = bed.service.engine.watch(job).unwrap();
    loop {
        let snapshot = bed.service.engine.job(job).unwrap();
        if snapshot.finished_at.is_some() || snapshot.status == JobStatus::Held {
            return snapshot;
        }
        revisions.changed().await.unwrap();
    }
}

/// These employees are to have exactly this of ours.
async fn run(bed: &Bed, target: Target, people: impl Iterator<Item = usize>, lists: &[&str]) -> JobSnapshot {
    let entries: Vec<EntryRequest> = people.map(|n| employee(n, lists)).collect();
    let job = bed.submit(target, Mode::Managed, entries).await;
    decided(bed, job).await
}

async fn assigned(bed: &Bed, target: Target, people: impl Iterator<Item = usize>, lists: &[&str]) {
    assert_eq!(run(bed, target, people, lists).await.status, JobStatus::Completed);
}

/// These have a skill by somebody else's doing.
fn given(bed: &Bed, target: SimTarget, people: std::ops::Range<usize>) {
    let skill = bed.simulator.catalogue(target)[0].id;
    let skill =
        if target == SimTarget::RoutingSkills { Assignment::skill(skill, 3.0) } else { Assignment::group(skill) };
    for user in &bed.simulator.users()[people] {
        bed.simulator.foreign_set(user.id, target, std::slice::from_ref(&skill));
    }
}

fn calls(bed: &Bed) -> usize {
    bed.simulator.ledger().api_requests().count()
}

fn listings(bed: &Bed) -> usize {
    bed.simulator.ledger().count(Route::Users, 200)
}

fn told(job: &JobSnapshot) -> &str {
    job.hold.as_ref().map_or("", |hold| &hold.message)
}

#[tokio::test(start_paused = true)]
async fn a_small_job_that_leaves_its_users_with_nothing_is_held_whoever_else_has_what_they_lose() {
    for (target, skill, _) in TARGETS {
        let bed = Bed::start(&org(60), "");
        assigned(&bed, target, 1..=60, &[skill]).await;
        let job = run(&bed, target, 1..=10, &[]).await;
        assert_eq!(job.status, JobStatus::Held, "{target:?}");
        assert!(
            told(&job).starts_with("10 of its 10 users would be left with nothing (limit: 20 %). "),
            "{}",
            told(&job)
        );
        let job = run(&bed, target, 11..=14, &[]).await;
        assert_eq!(job.status, JobStatus::Completed, "four leavers of an org of 60: {}", told(&job));
    }
}

#[tokio::test(start_paused = true)]
async fn one_person_who_changes_jobs_is_not_held_and_costs_no_call_more() {
    for (target, skill, other) in TARGETS {
        let mut taken = Vec::new();
        for settings in ["", "[sync]\nhold_skill_left = 0"] {
            let bed = Bed::start(&org(60), settings);
            assigned(&bed, target, 1..=50, &[skill]).await;
            assigned(&bed, target, 51..=51, &[&skill.replace('1', "3")]).await;
            let before = calls(&bed);
            for n in 1..=3 {
                assigned(&bed, target, n..=n, &[other]).await;
            }
            // Who alone has a skill may change jobs as well.
            assigned(&bed, target, 51..=51, &[other]).await;
            taken.push(calls(&bed) - before);
        }
        assert_eq!(taken[0], taken[1], "{target:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_jobs_that_each_take_a_skill_from_one_person_the_last_are_held() {
    for (target, skill, other) in TARGETS {
        for at_once in [false, true] {
            let bed = Bed::start(&org(60), "");
            assigned(&bed, target, 1..=10, &[skill]).await;
            let mut jobs = Vec::new();
            for n in 1..=10 {
                let job = bed.submit(target, Mode::Managed, vec![employee(n, &[other])]).await;
                if !at_once {
                    decided(&bed, job).await;
                }
                jobs.push(job);
            }
            let mut held = Vec::new();
            for job in jobs {
                held.extend(Some(decided(&bed, job).await).filter(|job| job.status == JobStatus::Held));
            }
            assert_eq!(held.len(), 2, "{target:?} {at_once}");
            let message = told(&held[0]);
            assert!(
                message.contains(&format!("only 1 known holder of {skill:?} would remain in the org, after 8 other")),
                "{message}"
            );
            assert_eq!(held[0].hold.as_ref().unwrap().skills[0].left, Some(1));
            // Somebody has decided: the next one is weighed against what is left then.
            bed.service.engine.release(held[0].id).await.unwrap().unwrap();
            bed.finish(held[0].id).await;
            let again = run(&bed, target, 11..=11, &[skill]).await;
            assert_eq!(again.status, JobStatus::Completed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_skill_is_not_taken_from_its_last_holders_by_any_mode() {
    for (target, skill, other) in TARGETS {
        for (mode, lists) in [(Mode::Managed, [other]), (Mode::Replace, [other]), (Mode::Remove, [skill])] {
            let bed = Bed::start(&org(60), "");
            assigned(&bed, target, 1..=3, &[skill]).await;
            let before = bed.simulator.statistics().client_writes;
            let job = bed.submit(target, mode, (1..=3).map(|n| employee(n, &lists)).collect()).await;
            let job = decided(&bed, job).await;
            assert_eq!(job.status, JobStatus::Held, "{target:?} {mode:?}");
            assert!(
                told(&job).starts_with(&format!("no known holder of {skill:?} would remain in the org (minimum: 2). "))
            );
            assert_eq!(bed.simulator.statistics().client_writes, before, "nothing is written");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_share_of_a_skill_in_the_org_is_looked_at_in_a_small_job() {
    for (target, skill, other) in TARGETS {
        for (others, status) in [(2, JobStatus::Held), (6, JobStatus::Completed)] {
            let bed = Bed::start(&org(60), "");
            assigned(&bed, target, 1..=6 + others, &[skill]).await;
            let job = run(&bed, target, 1..=6, &[other]).await;
            assert_eq!(job.status, status, "{target:?} {others} {}", told(&job));
            let share = format!("6 of the 8 known holders of {skill:?} in the org would lose it (limit: 50 %)");
            assert_eq!(told(&job).starts_with(&share), status == JobStatus::Held, "{}", told(&job));
        }
    }
}

/// Whom nothing here is remembered of is shown by a listing, for as long as that is new.
#[tokio::test(start_paused = true)]
async fn who_else_has_a_routing_skill_is_listed_once_for_many_jobs() {
    let bed = Bed::start(&org(1_200), "");
    let target = Target::RoutingSkills;
    assigned(&bed, target, 1..=8, &["Skill 1"]).await;
    given(&bed, SimTarget::RoutingSkills, 20..50);
    let before = listings(&bed);
    for n in [1, 3, 5] {
        assigned(&bed, target, n..=n + 1, &["Skill 2"]).await;
    }
    assert_eq!(listings(&bed), before + 3, "three pages");
    // An hour later it is too old to tell that many are left.
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    for user in &bed.simulator.users()[20..50] {
        bed.simulator.foreign_set(user.id, SimTarget::RoutingSkills, &[]);
    }
    let job = run(&bed, target, 7..=8, &["Skill 2"]).await;
    assert_eq!(job.status, JobStatus::Held);
    assert!(
        told(&job).starts_with(
            "no known holder of \"Skill 1\" would remain in the org, after 6 other users who lose or lost it"
        ),
        "{}",
        told(&job)
    );
}

#[tokio::test(start_paused = true)]
async fn where_no_listing_tells_what_is_known_counts() {
    let refused = FaultKind::Status { status: 403, moment: Moment::BeforeEffect, body: Body::Json };
    for (known, status) in [(4, JobStatus::Completed), (3, JobStatus::Held)] {
        let bed = Bed::start(&org(60), "");
        let target = Target::RoutingSkills;
        assigned(&bed, target, 1..=known, &["Skill 1"]).await;
        given(&bed, SimTarget::RoutingSkills, 20..50);
        bed.simulator.with_behaviour(|behaviour| behaviour.faults = vec![Fault::on(&[Route::Users], refused.clone())]);
        let job = run(&bed, target, 1..=2, &["Skill 2"]).await;
        assert_eq!(job.status, status, "{}", told(&job));
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_active_any_more_holds_nothing() {
    let (target, skill, other) = TARGETS[0];
    let bed = Bed::start(&org(60), "");
    assigned(&bed, target, 1..=60, &[skill]).await;
    for user in &bed.simulator.users()[2..60] {
        bed.simulator.set_user_state(user.id, UserState::Inactive);
    }
    // The next listing shows it.
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    assigned(&bed, target, 1..=2, &[skill, "Group 3"]).await;
    let job = run(&bed, target, 1..=2, &[other]).await;
    assert_eq!(job.status, JobStatus::Held, "{}", told(&job));
}

#[tokio::test(start_paused = true)]
async fn the_rule_can_be_turned_off() {
    for (target, skill, other) in TARGETS {
        let bed = Bed::start(&org(60), "[sync]\nhold_skill_left = 0\nhold_skill_percent = 100");
        assigned(&bed, target, 1..=10, &[skill]).await;
        assigned(&bed, target, 1..=10, &[other]).await;
        let job = bed.submit(target, Mode::Remove, vec![employee(1, &[other]), employee(2, &[other])]).await;
        assert_eq!(decided(&bed, job).await.status, JobStatus::Completed);
    }
}

#[tokio::test(start_paused = true)]
async fn whom_a_job_gives_a_skill_has_it_after_that() {
    for (target, skill, other) in TARGETS {
        let bed = Bed::start(&org(10), "");
        assigned(&bed, target, 1..=2, &[skill]).await;
        assigned(&bed, target, 3..=4, &[other]).await;
        let swapped = (1..=4).map(|n| employee(n, &[if n < 3 { other } else { skill }])).collect();
        let job = bed.submit(target, Mode::Managed, swapped).await;
        assert_eq!(decided(&bed, job).await.status, JobStatus::Completed, "two have each before and after");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_late_takes_nothing_away() {
    let bed = Bed::start(&org(10), "");
    let (target, skill, _) = TARGETS[0];
    let at = |second| Some(jiff::Timestamp::from_second(second).unwrap());
    for n in 1..=2 {
        let newer = EntryRequest { occurred_at: at(2_000), ..employee(n, &[skill]) };
        let job = bed.submit(target, Mode::Managed, vec![newer]).await;
        assert_eq!(decided(&bed, job).await.status, JobStatus::Completed);
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let late = (1..=2).map(|n| EntryRequest { occurred_at: at(1_000), ..employee(n, &[]) }).collect();
    let job = bed.submit(target, Mode::Managed, late).await;
    let job = decided(&bed, job).await;
    assert_eq!(
        (job.status, crate::bed::in_state(&job, skillsync::domain::EntryState::Superseded)),
        (JobStatus::Completed, 2)
    );
}
