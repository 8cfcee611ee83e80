//! Rows about one user that are one list (`sameUser: merge`): in modes where the list is the whole, they stand or fall
//! together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use genesys_simulator::{Access, Generated, Population, Scenario, Simulator, Target as SimTarget};
use http::{Request, Response};
use skillsync::domain::entry::EntryRequest;
use skillsync::domain::job::{JobSpec, Lane, SameUser};
use skillsync::domain::{EntryState, JobId, Mode, Reason, Target, UserId, UserRef};
use skillsync::genesys::transport::Transport;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::bed::{Bed, employee};

fn org() -> Scenario {
    let population = Generated { users: 3, groups_per_user: 0, ..Generated::default() };
    Scenario { population: Population::Generated(population), ..Scenario::default() }
}

fn spec(mode: Mode, dry_run: bool) -> JobSpec {
    let (target, lane, same_user) = (Target::WfmSkillGroups, Lane::Bulk, SameUser::Merge);
    JobSpec { dry_run, lane, same_user, ..JobSpec::new(target, mode) }
}

async fn run(bed: &Bed, mode: Mode, dry_run: bool, rows: Vec<EntryRequest>) -> JobId {
    let job = bed.service.engine.submit(spec(mode, dry_run), rows).await.unwrap().id;
    bed.finish(job).await;
    job
}

type End = (EntryState, Option<Reason>);

fn ends(bed: &Bed, job: JobId) -> Vec<End> {
    bed.entries(job).iter().map(|entry| (entry.state, entry.result.reason)).collect()
}

fn message(bed: &Bed, job: JobId, index: usize) -> String {
    bed.entries(job)[index].result.message.as_deref().unwrap_or_default().to_owned()
}

/// The names of the groups of the first user.
fn groups(bed: &Bed) -> Vec<String> {
    let has = bed.simulator.users()[0].groups.clone();
    let all = bed.simulator.catalogue(SimTarget::WfmSkillGroups);
    let mut names: Vec<_> = all.into_iter().filter(|group| has.contains(&group.id)).map(|group| group.name).collect();
    names.sort();
    names
}

const APPLIED: End = (EntryState::Applied, None);
const UNCHANGED: End = (EntryState::Unchanged, None);
const PLANNED: End = (EntryState::Planned, None);
const NO_SUCH_GROUP: End = (EntryState::Failed, Some(Reason::AssignmentNotFound));

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_resolved_takes_nothing_away_that_it_lists() {
    for mode in [Mode::Managed, Mode::Replace] {
        let bed = Bed::start(&org(), "");
        let both = vec![employee(1, &["Group 1"]), employee(1, &["Group 2"])];
        let first = run(&bed, mode, false, both).await;
        assert_eq!(ends(&bed, first), [APPLIED; 2]);
        let misspelt = vec![employee(1, &["Group 1"]), employee(2, &["Group 3"]), employee(1, &["Gruop 2"])];
        let second = run(&bed, mode, false, misspelt).await;
        assert_eq!(ends(&bed, second), [NO_SUCH_GROUP, APPLIED, NO_SUCH_GROUP]);
        assert!(message(&bed, second, 0).contains("row 2 names the same user"), "{}", message(&bed, second, 0));
        assert_eq!(groups(&bed), ["Group 1", "Group 2"]);
        let again = bed.service.engine.retry(second, None).await.unwrap().id;
        bed.finish(again).await;
        assert_eq!(ends(&bed, again), [NO_SUCH_GROUP; 2], "both rows of the user are tried again");
    }
    // What only adds or removes is no whole.
    let bed = Bed::start(&org(), "");
    let job = run(&bed, Mode::Add, false, vec![employee(1, &["Group 1"]), employee(1, &["Gruop 2"])]).await;
    assert_eq!(ends(&bed, job), [APPLIED, NO_SUCH_GROUP]);
}

#[tokio::test(start_paused = true)]
async fn the_plan_of_a_list_is_applied_with_the_rows_that_have_nothing_to_do() {
    for over_a_restart in [false, true] {
        let mut bed = Bed::start(&org(), "");
        let first = run(&bed, Mode::Managed, false, vec![employee(1, &["Group 1"])]).await;
        assert_eq!(ends(&bed, first), [APPLIED]);
        let rows = vec![employee(1, &["Group 1"]), employee(1, &["Group 2"])];
        let plan = run(&bed, Mode::Managed, true, rows).await;
        assert_eq!(ends(&bed, plan), [UNCHANGED, PLANNED]);
        if over_a_restart {
            let users: Vec<_> = bed.entries(plan).iter().map(|entry| entry.user).collect();
            bed = bed.restart(&org(), Duration::from_secs(1)).await;
            assert_eq!(bed.entries(plan).iter().map(|entry| entry.user).collect::<Vec<_>>(), users);
        }
        let applied = bed.service.engine.apply(plan, None, true).await.unwrap().id;
        bed.finish(applied).await;
        assert_eq!(ends(&bed, applied), [UNCHANGED, APPLIED]);
        assert_eq!(groups(&bed), ["Group 1", "Group 2"]);
    }
}

/// Nobody is found by e-mail address while this is set.
fn hiding(wire: Transport, hidden: Arc<AtomicBool>) -> Transport {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (wire, hidden) = (wire.clone(), Arc::clone(&hidden));
        async move {
            if request.uri().path() == "/api/v2/users/search" && hidden.load(Ordering::Relaxed) {
                let nobody = r#"{"results":[],"total":0,"pageCount":0,"pageSize":100,"pageNumber":1}"#;
                return Ok(Response::new(Bytes::from_static(nobody.as_bytes())));
            }
            wire.oneshot(request).await
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_row_whose_user_is_found_too_late_is_refused_by_itself() {
    let hidden = Arc::new(AtomicBool::new(true));
    let layer = Arc::clone(&hidden);
    let bed = Bed::join(Simulator::new(org()), Arc::default(), &org(), "", |wire| hiding(wire, layer));
    let user = bed.simulator.users().remove(0);
    let row = |reference: &str, user, group| {
        let (reference, row) = (Some(reference.into()), employee(1, &[group]));
        EntryRequest { reference, user, ..row }
    };
    let by_id = row("first", UserRef::Id(UserId(user.id)), "Group 1");
    let by_email = row("second", UserRef::Email(user.email.into()), "Group 2");
    let job = run(&bed, Mode::Replace, false, vec![by_id, by_email]).await;
    assert_eq!(ends(&bed, job), [APPLIED, (EntryState::Failed, Some(Reason::UserNotFound))]);
    hidden.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let again = bed.service.engine.retry(job, None).await.unwrap().id;
    bed.finish(again).await;
    assert_eq!(ends(&bed, again), [(EntryState::Failed, Some(Reason::DuplicateUser))]);
    let message = message(&bed, again, 0);
    assert!(message.contains("with the rows 0 (\"first\") of the job"), "{message}");
    assert_eq!(groups(&bed), ["Group 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_was_undone_is_superseded_beside_one_that_was_not() {
    // Both jobs wait for the listing, so that one reconciliation carries them out.
    let mut listing = org();
    listing.behaviour.scim = Access::Refused;
    let bed = Bed::start(&listing, "");
    let engine = &bed.service.engine;
    let rows = vec![employee(1, &["Group 1"]), employee(1, &["Group 2"])];
    let list = engine.submit(spec(Mode::Add, false), rows).await.unwrap().id;
    let newer = engine.submit(spec(Mode::Remove, false), vec![employee(1, &["Group 1"])]).await.unwrap().id;
    bed.finish(list).await;
    bed.finish(newer).await;
    assert_eq!(ends(&bed, list), [(EntryState::Superseded, None), APPLIED]);
    assert_eq!(bed.entries(list)[0].result.superseded_by, Some((newer, 0)));
    assert_eq!(groups(&bed), ["Group 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_user_of_a_plan_is_left_with_nothing_only_if_all_rows_of_the_list_are_empty() {
    let population = Generated { users: 6, groups_per_user: 0, ..Generated::default() };
    let scenario = Scenario { population: Population::Generated(population), ..Scenario::default() };
    for (last, held) in [(&["Group 2"][..], false), (&[], true)] {
        let bed = Bed::start(&scenario, "[sync]\nhold_skill_left = 0\nhold_skill_percent = 100\n");
        run(&bed, Mode::Managed, false, (1..=6).map(|n| employee(n, &["Group 1"])).collect()).await;
        let rows = (1..=6).flat_map(|n| [employee(n, last), employee(n, &[])]).collect();
        let plan = run(&bed, Mode::Managed, true, rows).await;
        let applied = bed.service.engine.apply(plan, None, false).await.unwrap().id;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let job = bed.service.engine.job(applied).unwrap();
        assert_eq!(job.hold.is_some(), held, "{last:?}: {:?}", job.hold);
    }
}
