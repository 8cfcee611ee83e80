//! Ended jobs are kept for a while, and then nothing of them is left.

use std::time::Duration;

use genesys_simulator::{Generated, Outage, Population, Scenario};
use skillsync::domain::acceptance::KeySpace;
use skillsync::domain::job::{JobSpec, Lane, SameUser};
use skillsync::domain::{Mode, Target, UserRef};

use crate::bed::{Bed, employee};

fn scenario() -> Scenario {
    Scenario {
        population: Population::Generated(Generated { users: 20, groups: 5, ..Generated::default() }),
        ..Scenario::default()
    }
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[tokio::test(start_paused = true)]
async fn an_ended_job_is_forgotten_after_its_time_and_an_open_one_is_not() {
    let bed = Bed::start(&scenario(), "[journal]\nretention = '2h'\n");
    let entries = |from: usize| (from..from + 5).map(|n| employee(n, &["Group 1"])).collect();
    let ended = bed.submit(Target::WfmSkillGroups, Mode::Add, entries(1)).await;
    bed.finish(ended).await;
    bed.simulator.set_outage(Some(Outage::Unavailable));
    let open = bed.submit(Target::WfmSkillGroups, Mode::Add, entries(10)).await;
    tokio::time::sleep(hours(1)).await;
    let engine = &bed.service.engine;
    let user = UserRef::EmployeeId("E1001".into());
    assert!(engine.job(ended).is_some() && engine.user(&user).is_some());
    tokio::time::sleep(hours(1) + Duration::from_secs(180)).await;
    assert!(engine.job(ended).is_none() && engine.user(&user).is_none());
    assert!(engine.job(open).is_some());
    let kept = bed.kept.recovered();
    assert_eq!(kept.jobs.iter().map(|kept| kept.job.id).collect::<Vec<_>>(), [open]);
    assert_eq!(kept.user_states.len(), 5, "what we own outlives the job that assigned it");
    assert_eq!((engine.journal_usage().jobs, engine.journal_usage().entries), (1, 5));
}

#[tokio::test(start_paused = true)]
async fn a_job_can_be_read_for_as_long_as_its_key_is_kept_also_after_a_restart() {
    let bed = Bed::start(&scenario(), "[journal]\nretention = '1h'\n");
    let (target, mode, lane) = (Target::WfmSkillGroups, Mode::Add, Lane::Interactive);
    let spec = JobSpec { lane, same_user: SameUser::InOrder, ..JobSpec::new(target, mode) };
    let space = KeySpace::of_deliveries(&"hris".into());
    let submit =
        async |bed: &Bed| bed.submit_once(&space, "d-1", spec.clone(), vec![employee(1, &["Group 1"])]).await.unwrap();
    let (first, _) = submit(&bed).await;
    bed.finish(first).await;
    tokio::time::sleep(hours(30)).await;
    let bed = bed.restart(&scenario(), Duration::ZERO).await;
    tokio::time::sleep(hours(5 * 24)).await;
    let (again, seen_before) = submit(&bed).await;
    assert!(seen_before && again == first && bed.service.engine.job(first).is_some());
    tokio::time::sleep(hours(24)).await;
    assert!(bed.service.engine.job(first).is_none());
    assert_eq!((bed.kept.recovered().jobs.len(), bed.kept.recovered().keys.len()), (0, 0));
    assert!(!submit(&bed).await.1);
}
