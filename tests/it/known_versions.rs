//! The first write without a read, where a version is known from an earlier one.

use genesys_simulator::{Generated, Population, Route, Scenario, Target as SimTarget};
use skillsync::domain::conflict::Cause;
use skillsync::domain::{EntryState, Mode, Target};

use crate::bed::{Bed, employee, in_state};

/// Fewer than are too many of the job's own users.
const USERS: usize = 19;
/// Everybody loses all that they have, which is nobody's business here.
const NEVER_HELD: &str = "[sync]\nhold_skill_percent = 100\nhold_skill_left = 0\n";

/// Two jobs one after the other; between them, somebody else writes `meddled` users. Reads and writes of the second job.
async fn second_job(extra: &str, meddled: usize) -> (usize, usize, u32) {
    let population = Generated { users: USERS, groups: 12, groups_per_user: 0, ..Generated::default() };
    let scenario = Scenario { population: Population::Generated(population), ..Scenario::default() };
    let bed = Bed::start(&scenario, &[NEVER_HELD, extra].concat());
    let submit = |groups: &[&str]| {
        let entries = (1..=USERS).map(|n| employee(n, groups)).collect();
        bed.submit(Target::WfmSkillGroups, Mode::Managed, entries)
    };
    bed.finish(submit(&["Group 1"]).await).await;
    for user in bed.simulator.users().iter().take(meddled) {
        assert!(bed.simulator.foreign_write(user.id, SimTarget::WfmSkillGroups));
    }
    let calls = |route| bed.simulator.ledger().requests().iter().filter(|request| request.route == route).count();
    let before = (calls(Route::WfmRead), calls(Route::WfmWrite));
    let job = bed.finish(submit(&["Group 2"]).await).await;
    assert_eq!(in_state(&job, EntryState::Applied) as usize, USERS);
    assert_eq!(bed.simulator.ledger().lost_foreign_changes(), []);
    let conflicts = job.conflicts.of(Cause::ForeignWriter);
    assert_eq!(job.conflicts.total(), conflicts);
    (calls(Route::WfmRead) - before.0, calls(Route::WfmWrite) - before.1, conflicts)
}

#[tokio::test(start_paused = true)]
async fn a_known_version_saves_the_read() {
    assert_eq!(second_job("", 0).await, (0, USERS, 0));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_on_a_known_version_falls_back_on_the_read() {
    assert_eq!(second_job("", 3).await, (3, USERS + 3, 3));
}

#[tokio::test(start_paused = true)]
async fn the_setting_turns_it_off() {
    assert_eq!(second_job("write_without_read = false", 3).await, (USERS, USERS, 0));
}
