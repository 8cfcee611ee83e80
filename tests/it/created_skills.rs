//! Skills that Genesys lacks: created where that is permitted, once, and by nothing that is not carried out.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body as HttpBody;
use axum::http::{Method, Request};
use bytes::Bytes;
use genesys_simulator::{
    Behaviour, Body, Fault, FaultKind, Generated, Moment, Population, Route, Scenario, Simulator, Target as SimTarget,
};
use serde_json::{Value, json};
use skillsync::domain::job::{JobSpec, JobStatus, SameUser};
use skillsync::domain::{EntryState, JobId, Mode, Reason, Target};
use skillsync::engine::EntrySnapshot;
use skillsync::genesys::transport::Transport;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::bed::{Bed, employee, in_state};

const PERMITTED: &str = "[sync]\ncreate_missing_skills = 5\n";

fn org(faults: Vec<Fault>) -> Scenario {
    Scenario {
        population: Population::Generated(Generated { users: 40, skills_per_user: 0, ..Generated::default() }),
        behaviour: Behaviour { faults, ..Behaviour::default() },
        ..Scenario::default()
    }
}

fn created(bed: &Bed) -> usize {
    bed.simulator.ledger().count(Route::SkillCreate, 200)
}

/// What a user has, by name.
fn skills(bed: &Bed, n: usize) -> Vec<String> {
    let id = format!("E{}", 1000 + n);
    let user = bed.simulator.users().into_iter().find(|user| user.employee_id.as_ref() == Some(&id)).unwrap();
    let catalogue = bed.simulator.catalogue(SimTarget::RoutingSkills);
    let name = |id| catalogue.iter().find(|entry| entry.id == id).map(|entry| entry.name.clone()).unwrap();
    user.skills.iter().map(|skill| name(skill.id)).collect()
}

async fn run(bed: &Bed, mode: Mode, rows: &[(usize, &[&str])]) -> JobId {
    let entries = rows.iter().map(|(n, skills)| employee(*n, skills)).collect();
    let job = bed.submit(Target::RoutingSkills, mode, entries).await;
    bed.finish(job).await;
    job
}

fn failure(entry: &EntrySnapshot) -> (Option<Reason>, &str) {
    (entry.result.reason, entry.result.message.as_deref().unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn of_many_jobs_that_need_the_same_skill_at_once_one_creates_it() {
    let bed = Bed::start(&org(Vec::new()), PERMITTED);
    let rows = |n: usize| vec![employee(n, &["Claims T3"]), employee(n + 20, &[" claims t3 ", &format!("Own {n}")])];
    let jobs =
        futures_util::future::join_all((1..=20).map(|n| bed.submit(Target::RoutingSkills, Mode::Add, rows(n)))).await;
    let mut told = Vec::new();
    for job in jobs {
        let job = bed.finish(job).await;
        assert_eq!(in_state(&job, EntryState::Applied), 2, "{:?}", job.counts);
        told.extend(job.created.into_iter().map(|skill| skill.name));
    }
    assert_eq!((created(&bed), bed.simulator.ledger().count(Route::SkillCreate, 409)), (21, 0));
    assert_eq!((told.len(), told.iter().collect::<BTreeSet<_>>().len()), (21, 21), "each told by one job");
    assert!((1..=20).all(|n| skills(&bed, n).len() == 1 && skills(&bed, n + 20).len() == 2));
}

#[tokio::test(start_paused = true)]
async fn the_job_tells_what_was_created_also_after_a_restart() {
    let scenario = org(Vec::new());
    let bed = Bed::start(&scenario, PERMITTED);
    let job = run(&bed, Mode::Managed, &[(1, &["Claims", "Returns"]), (2, &["Claims"])]).await;
    let bed = bed.restart(&scenario, Duration::from_secs(60)).await;
    let (_, view) = bed.send(Request::get(format!("/v1/sync-jobs/{job}")).body(HttpBody::empty()).unwrap()).await;
    let view: Value = serde_json::from_str(&view).unwrap();
    let names: Vec<_> = view["createdSkills"].as_array().unwrap().iter().map(|skill| &skill["name"]).collect();
    assert_eq!(names, ["Claims", "Returns"]);
    let catalogue = bed.simulator.catalogue(SimTarget::RoutingSkills);
    let claims = catalogue.iter().find(|entry| entry.name == "Claims").unwrap();
    assert_eq!(view["createdSkills"][0]["id"], claims.id.to_string());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_created_unless_it_is_permitted_and_assigned() {
    let off = Bed::start(&org(Vec::new()), "");
    let job = run(&off, Mode::Managed, &[(1, &["Claims"])]).await;
    assert_eq!(failure(&off.entries(job)[0]).0, Some(Reason::AssignmentNotFound));
    let on = Bed::start(&org(Vec::new()), PERMITTED);
    let job = run(&on, Mode::Remove, &[(1, &["Claims"])]).await;
    assert_eq!(failure(&on.entries(job)[0]).0, Some(Reason::AssignmentNotFound), "nobody has it");
    let job = on.submit(Target::WfmSkillGroups, Mode::Add, vec![employee(1, &["Claims"])]).await;
    on.finish(job).await;
    assert_eq!(failure(&on.entries(job)[0]).0, Some(Reason::AssignmentNotFound), "groups are never created");
    let job = run(&on, Mode::Add, &[(999, &["Claims"])]).await;
    assert_eq!(failure(&on.entries(job)[0]).0, Some(Reason::UserNotFound), "not for somebody who is not there");
    assert_eq!((created(&off), created(&on)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_creates_nothing_and_says_what_would_be() {
    let bed = Bed::start(&org(Vec::new()), PERMITTED);
    let spec =
        JobSpec { dry_run: true, same_user: SameUser::InOrder, ..JobSpec::new(Target::RoutingSkills, Mode::Managed) };
    let rows = vec![employee(1, &["Claims"]), employee(2, &["Skill 1"])];
    let job = bed.service.engine.submit(spec, rows).await.unwrap().id;
    bed.finish(job).await;
    let entries = bed.entries(job);
    let (reason, message) = failure(&entries[0]);
    assert_eq!(reason, Some(Reason::AssignmentNotFound));
    assert!(message.contains("without dryRun would"), "{message}");
    assert_eq!((entries[1].state, created(&bed)), (EntryState::Planned, 0));
}

#[tokio::test(start_paused = true)]
async fn a_held_job_creates_nothing_until_it_is_released() {
    let bed = Bed::start(&org(Vec::new()), PERMITTED);
    let everybody = |skill: &'static str| (1..=40).map(|n| employee(n, &[skill])).collect();
    let first = bed.submit(Target::RoutingSkills, Mode::Managed, everybody("Skill 1")).await;
    bed.finish(first).await;
    let held = bed.submit(Target::RoutingSkills, Mode::Managed, everybody("Claims")).await;
    while bed.service.engine.job(held).unwrap().status != JobStatus::Held {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bed.simulator.ledger().count(Route::SkillCreate, 200), 0);
    bed.service.engine.release(held).await.unwrap().expect("it was held");
    let job = bed.finish(held).await;
    assert_eq!((in_state(&job, EntryState::Applied), created(&bed)), (40, 1));
    assert_eq!(skills(&bed, 7), ["Claims"]);
}

#[tokio::test(start_paused = true)]
async fn a_skill_that_somebody_else_created_meanwhile_is_found() {
    let bed = Bed::start(&org(Vec::new()), PERMITTED);
    run(&bed, Mode::Add, &[(1, &["Skill 1"])]).await;
    bed.simulator.foreign_skill("Claims");
    let job = run(&bed, Mode::Add, &[(2, &["Claims"])]).await;
    // The catalogue is read anew for a job that lacks a name, so it is not even tried.
    assert_eq!((created(&bed), bed.simulator.ledger().count(Route::SkillCreate, 409)), (0, 0));
    assert_eq!((skills(&bed, 2), bed.service.engine.job(job).unwrap().created.len()), (vec!["Claims".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_creates_nothing_twice() {
    for moment in [Moment::BeforeEffect, Moment::AfterEffect] {
        let lost = Fault::on(&[Route::SkillCreate], FaultKind::Reset { moment }).at_most(1);
        let bed = Bed::start(&org(vec![lost]), PERMITTED);
        let job = run(&bed, Mode::Add, &[(1, &["Claims"])]).await;
        assert_eq!(skills(&bed, 1), ["Claims"], "{moment:?}");
        let named = bed.simulator.catalogue(SimTarget::RoutingSkills).iter().filter(|e| e.name == "Claims").count();
        assert_eq!((named, bed.simulator.ledger().count(Route::SkillCreate, 409)), (1, 0), "{moment:?}");
        assert_eq!(bed.entries(job)[0].state, EntryState::Applied);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_lacks_more_than_is_permitted_has_none_created() {
    let bed = Bed::start(&org(Vec::new()), PERMITTED);
    let names: Vec<String> = (1..=6).map(|n| format!("Column {n}")).collect();
    let mut rows: Vec<_> = (1..=6).map(|n| employee(n, &[&names[n - 1]])).collect();
    rows.push(employee(7, &["Skill 1"]));
    let job = bed.submit(Target::RoutingSkills, Mode::Managed, rows).await;
    let job = bed.finish(job).await;
    assert_eq!((in_state(&job, EntryState::Failed), in_state(&job, EntryState::Applied), created(&bed)), (6, 1, 0));
    let entries = bed.entries(job.id);
    let (reason, message) = failure(&entries[0]);
    assert_eq!(reason, Some(Reason::AssignmentNotFound));
    assert!(message.contains("needs 6 missing skills, more than the 5"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn who_may_not_create_skills_is_told_so_and_the_others_go_on() {
    let mut scenario = org(Vec::new());
    scenario.behaviour.missing_permissions = ["routing:skill:manage", "routing:skill:create"].map(str::to_owned).into();
    let bed = Bed::start(&scenario, PERMITTED);
    let job = run(&bed, Mode::Managed, &[(1, &["Claims"]), (2, &["Skill 1"])]).await;
    let entries = bed.entries(job);
    let (reason, message) = failure(&entries[0]);
    assert_eq!((reason, entries[1].state), (Some(Reason::Forbidden), EntryState::Applied));
    assert!(message.contains("routing:skill:manage"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_and_never_listed_fails_soon() {
    let status = FaultKind::Status { status: 409, moment: Moment::BeforeEffect, body: Body::Json };
    let bed = Bed::start(&org(vec![Fault::on(&[Route::SkillCreate], status)]), PERMITTED);
    let begun = tokio::time::Instant::now();
    let job = run(&bed, Mode::Managed, &[(1, &["Claims"])]).await;
    let entries = bed.entries(job);
    let (reason, message) = failure(&entries[0]);
    assert_eq!(reason, Some(Reason::AssignmentNotFound));
    assert!(message.contains("An inactive skill may have the name"), "{message}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

/// Keeps what is asked for when skills are created.
fn overheard(wire: Transport, asked: Arc<Mutex<Vec<Value>>>) -> Transport {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        if request.method() == Method::POST && request.uri().path() == "/api/v2/routing/skills" {
            asked.lock().unwrap().push(serde_json::from_slice(request.body()).unwrap());
        }
        wire.clone().oneshot(request)
    }))
}

#[tokio::test(start_paused = true)]
async fn skills_are_created_in_the_division_that_is_configured() {
    let division = "6d2bd3a4-0f5c-4f0e-9a53-5b6b1f8f7a11";
    let configured = format!("skill_division = '{division}'\n{PERMITTED}");
    for (extra, expected) in [
        (PERMITTED, json!({"name": "Claims T3"})),
        (configured.as_str(), json!({"name": "Claims T3", "divisionId": division})),
    ] {
        let (scenario, asked) = (org(Vec::new()), Arc::<Mutex<Vec<Value>>>::default());
        let way = |wire| overheard(wire, Arc::clone(&asked));
        let bed = Bed::join(Simulator::new(scenario.clone()), Arc::default(), &scenario, extra, way);
        run(&bed, Mode::Add, &[(1, &["Claims T3"])]).await;
        assert_eq!(*asked.lock().unwrap(), [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_holds_a_level_is_never_created() {
    let bed = Bed::start(&org(Vec::new()), PERMITTED);
    let job = run(&bed, Mode::Add, &[(1, &["Billing:4,5"]), (2, &["A:5, B"]), (3, &["Claims: T3"])]).await;
    let entries = bed.entries(job);
    for entry in &entries[..2] {
        let (reason, message) = failure(entry);
        assert!(
            reason == Some(Reason::AssignmentNotFound) && message.contains("separate skills with ';'"),
            "{message}"
        );
    }
    assert_eq!((entries[2].state, created(&bed)), (EntryState::Applied, 1));
}

/// Why an entry that lists these failed, of the run itself and of a dry run.
async fn told(bed: &Bed, mode: Mode, lists: &[&[&str]]) -> [Vec<String>; 2] {
    let mut told = [Vec::new(), Vec::new()];
    for (dry_run, told) in [true, false].into_iter().zip(&mut told) {
        let (target, same_user) = (Target::RoutingSkills, SameUser::InOrder);
        let spec = JobSpec { dry_run, same_user, ..JobSpec::new(target, mode) };
        let rows = (1..).zip(lists).map(|(n, skills)| employee(n, skills)).collect();
        let job = bed.service.engine.submit(spec, rows).await.unwrap().id;
        bed.finish(job).await;
        told.extend(bed.entries(job).iter().map(|entry| failure(entry).1.to_owned()));
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_name_that_reads_like_a_known_one_is_that_one() {
    for extra in ["", PERMITTED] {
        let bed = Bed::start(&org(Vec::new()), extra);
        let known = ["Tech\u{a0}Support", "Gestio\u{301}n", "Bi\u{ad}lling"];
        for name in known {
            bed.simulator.foreign_skill(name);
        }
        let lists: [&[&str]; 3] = [&["tech  support\u{200b}"], &["\u{feff}GESTIÓN"], &["Billing"]];
        let job = run(&bed, Mode::Add, &[(1, lists[0]), (2, lists[1]), (3, lists[2])]).await;
        assert!(bed.entries(job).iter().all(|entry| entry.state == EntryState::Applied), "{:?}", bed.entries(job));
        assert_eq!(
            ((1..4).map(|n| skills(&bed, n).concat()).collect::<Vec<_>>(), created(&bed)),
            (known.map(str::to_owned).into(), 0)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_created_is_told_alike_by_a_dry_run() {
    let bed = Bed::start(&org(Vec::new()), PERMITTED);
    for name in ["Billing", "Sales", "sales"] {
        bed.simulator.foreign_skill(name);
    }
    let lists: [&[&str]; 7] =
        [&["Ｂilling"], &["\u{412}illing"], &["Bi1ling"], &["Cla\u{ad}ims"], &["Claims：5"], &["SALES"], &["VIP=4"]];
    let [planned, done] = told(&bed, Mode::Managed, &lists).await;
    assert_eq!((&planned, created(&bed)), (&done, 0));
    let expected = [
        "\"Billing\" (",
        "is written \"Billing\", not \"\\u{412}illing\"",
        "which looks the same: correct the name",
        "\"Cla\\u{ad}ims\". The name contains invisible characters",
        "separate skills with ';'",
        "2 assignments at Genesys are called \"SALES\": \"Sales\" (",
        "separate skills with ';'",
    ];
    for (told, expected) in done.iter().zip(expected) {
        assert!(told.contains(expected), "{told}");
    }
    let many: Vec<String> = (1..=6).map(|n| format!("Column {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let [planned, done] = told(&bed, Mode::Managed, &[&many]).await;
    assert!(planned == done && done[0].contains("needs 6 missing skills"), "{planned:?} {done:?}");
    // A letter away may be another name, so it is created; a dry run says what is there.
    let [planned, done] = told(&bed, Mode::Managed, &[&["Biling"]]).await;
    assert!(
        planned[0].contains("It has \"Billing\", which is spelt almost the same. A dry run creates no skill"),
        "{planned:?}"
    );
    assert_eq!((done[0].as_str(), created(&bed)), ("", 1));
}

#[tokio::test(start_paused = true)]
async fn of_new_names_that_look_the_same_none_is_created_in_one_job_and_one_in_two() {
    let bed = Bed::start(&org(Vec::new()), PERMITTED);
    let [planned, done] = told(&bed, Mode::Managed, &[&["Claims"], &["\u{421}laims"], &["Returns"]]).await;
    assert_eq!((&planned[..2], created(&bed)), (&done[..2], 1), "the third is");
    assert!(done[0].contains("also lists \"\u{421}laims\", which looks the same"), "{done:?}");
    assert!(done[1].contains("also lists \"Claims\", which looks the same"), "{done:?}");

    let row = |n, name: &str| bed.submit(Target::RoutingSkills, Mode::Add, vec![employee(n, &[name])]);
    let jobs = [row(1, "Claims").await, row(2, "\u{421}laims").await];
    let mut failed = 0;
    for job in jobs {
        failed += in_state(&bed.finish(job).await, EntryState::Failed);
    }
    assert_eq!((failed, created(&bed)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_one_list_fail_with_the_one_whose_skill_is_not_to_be_had() {
    let refused = FaultKind::Status { status: 400, moment: Moment::BeforeEffect, body: Body::Json };
    let bed = Bed::start(&org(vec![Fault::on(&[Route::SkillCreate], refused)]), PERMITTED);
    run(&bed, Mode::Managed, &[(1, &["Skill 1", "Skill 2"])]).await;
    for unfit in ["Clai\u{ad}ms", "Claims"] {
        let (target, mode, same_user) = (Target::RoutingSkills, Mode::Managed, SameUser::Merge);
        let spec = JobSpec { same_user, ..JobSpec::new(target, mode) };
        let rows = vec![employee(1, &["Skill 1"]), employee(1, &[unfit])];
        let job = bed.service.engine.submit(spec, rows).await.unwrap().id;
        assert_eq!(in_state(&bed.finish(job).await, EntryState::Failed), 2, "{unfit}");
        assert_eq!(skills(&bed, 1), ["Skill 1", "Skill 2"]);
    }
}
