//! Full exports of which it can be doubted that everybody who is missing has left, on the paused clock.

use genesys_simulator::{Explicit, ExternalId, Population, Target as SimTarget};
use serde_json::Value;
use skillsync::domain::EntryState;
use skillsync::domain::entry::Presence;

use super::imports::{CSV, held, import};
use super::{Answer, Office, by_title, employees};

async fn full(office: &Office, rows: &str) -> Answer {
    full_of(office, "hr", rows).await
}

async fn full_of(office: &Office, source: &str, rows: &str) -> Answer {
    let answer = office.post(&format!("/v1/imports/{source}?scope=full"), &CSV, rows).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer
}

fn message(held: &Value) -> &str {
    held["message"].as_str().unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_that_names_hardly_anybody_again_is_held_however_few_they_are() {
    let office = Office::open(&employees(10), &(by_title("hr", "") + "[sync]\nhold_skill_left = 0\n"));
    import(&office, "hr", "full", &[(1, "Group 1"), (2, "Group 2"), (3, "Group 3")]).await;
    let others = full(&office, "employeeNumber,jobTitle\nE1003,Group 3\nE1004,Group 4\nE1005,Group 5\n").await;
    let told = held(&office, &others).await;
    assert!(
        message(&told).starts_with(
            "the export lacks 2 people who would lose something, and names only 1 of those known from earlier exports with them: "
        ),
        "{told}"
    );
    assert_eq!([1, 2, 3, 4].map(|n| office.groups(n).len()), [1, 1, 1, 0]);
    let entries = office.get(&format!("/v1/sync-jobs/{}/entries", others.job())).await;
    let missing: Vec<_> =
        entries["items"].as_array().unwrap().iter().map(|entry| !entry["missingFromExport"].is_null()).collect();
    assert_eq!(missing, [false, false, false, true, true]);

    // Whoever has looked at it lets it go on.
    let applied = office.post(&format!("/v1/sync-jobs/{}/apply", others.job()), &[], "").await;
    assert!(applied.status == 202 || applied.status == 200, "{applied:?}");
    office.finish(&others).await;
    assert_eq!([1, 2, 3, 4].map(|n| office.groups(n).len()), [0, 0, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn who_is_missing_may_be_who_cannot_be_found() {
    for (columns, last, renamed) in [
        // The number of the third has lost its letter; or they have left, and somebody came who is not at Genesys.
        (["employeeNumber", ""], "1003", true),
        (["employeeNumber", "id"], "1003", true),
        (["employeeNumber", "id"], "E7777", false),
    ] {
        let office = Office::open(&employees(10), &by_title("hr", ""));
        let with_id = columns[1] == "id";
        let row = |name: &str, n: usize, id: &str| {
            let id = if with_id { format!(",{id}") } else { String::new() };
            format!("{name},Group {n}{id}\n")
        };
        let head = if with_id { "employeeNumber,jobTitle,id\n" } else { "employeeNumber,jobTitle\n" };
        let kept = head.to_owned() + &row("E1001", 1, "a") + &row("E1002", 2, "b");
        let first = full(&office, &(kept.clone() + &row("E1003", 3, "c"))).await;
        office.finish(&first).await;
        let id = if renamed { "c" } else { "d" };
        let next = full(&office, &(kept.clone() + &row(last, 3, id))).await;
        if renamed {
            let told = held(&office, &next).await;
            assert!(
                message(&told).contains(
                    "1 person who would lose something, and 1 new name in it cannot be matched to an active "
                ),
                "{told}"
            );
        } else {
            office.finish(&next).await;
        }
        assert_eq!(office.groups(3).is_empty(), !renamed, "{columns:?} {last}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_never_found_holds_nobody_up() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let rows = "employeeNumber,jobTitle\nE1001,Group 1\nE1002,Group 2\nW1,Group 3\n";
    let first = full(&office, &(rows.to_owned() + "E1003,Group 3\n")).await;
    office.finish(&first).await;
    let next = full(&office, rows).await;
    let job = office.bed.finish(next.job()).await;
    assert_eq!((crate::bed::in_state(&job, EntryState::Failed), office.groups(3).len()), (1, 0));

    // Nor does a name that was wrong for one night, nor who comes after that.
    for (night, more) in
        ["X9,Group 4\nE1004,Group 4\n", "W2,Group 4\nE1004,Group 4\n", "W2,Group 4\n"].into_iter().enumerate()
    {
        tokio::time::sleep(std::time::Duration::from_secs(24 * 3600)).await;
        let next = full(&office, &(rows.to_owned() + more)).await;
        office.finish(&next).await;
        assert_eq!(office.groups(4).len(), usize::from(night < 2));
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_in_it_under_another_name_has_not_left() {
    let mut scenario = employees(3);
    let plain = Office::open(&scenario, "");
    let mut users = plain.bed.simulator.users();
    users[0].external_ids.push(ExternalId { authority: "hris".into(), key: "N1".into() });
    let groups = plain.bed.simulator.catalogue(genesys_simulator::Target::WfmSkillGroups);
    scenario.population = Population::Explicit(Explicit { users, groups, ..Explicit::default() });
    let keys = "external_id = 'employeeNumber', authority = 'hris'";
    let office = Office::open(&scenario, &by_title("hr", "").replace("employee_id = 'employeeNumber'", keys));
    let first = full(&office, "employeeNumber,jobTitle\nH1,Group 1\nH2,Group 2\nH3,Group 3\n").await;
    office.finish(&first).await;
    let next = full(&office, "employeeNumber,jobTitle\nN1,Group 4\nH2,Group 2\n").await;
    office.finish(&next).await;
    assert_eq!([1, 2, 3].map(|n| office.groups(n).concat()), ["Group 4", "Group 2", ""]);
    let entries = office.bed.entries(next.job());
    let of_old_name = &entries[entries.iter().position(|entry| entry.presence == Presence::Missing).unwrap()];
    assert_eq!(of_old_name.state, EntryState::Superseded, "{of_old_name:?}");
    assert_eq!(of_old_name.result.superseded_by, Some((next.job(), 0)));
}

#[tokio::test(start_paused = true)]
async fn the_same_wrong_export_is_no_more_right_the_next_night() {
    const BASE: &str = "employeeNumber,jobTitle\nE1001,Group 1\nE1002,Group 2\nE1003,Group 3\n";
    let renamed = BASE.replace("E1003", "1003");
    let others = "employeeNumber,jobTitle\nE1005,Group 5\nE1006,Group 6\n";
    for wrong in [renamed.as_str(), others] {
        for before in ["full", "full&dryRun=true", "delta"] {
            let office = Office::open(&employees(10), &by_title("hr", ""));
            let first = full(&office, BASE).await;
            office.finish(&first).await;
            let groups = [1, 2, 3].map(|n| office.groups(n));
            let once = office.post(&format!("/v1/imports/hr?scope={before}"), &CSV, wrong).await;
            if before == "full" {
                held(&office, &once).await;
                let cancelled = office.post(&format!("/v1/sync-jobs/{}/cancel", once.job()), &[], "").await;
                assert_eq!(cancelled.status, 200, "{cancelled:?}");
            }
            office.finish(&once).await;
            for _ in 0..2 {
                tokio::time::sleep(std::time::Duration::from_secs(24 * 3600)).await;
                let again = full(&office, wrong).await;
                held(&office, &again).await;
                assert_eq!([1, 2, 3].map(|n| office.groups(n)), groups, "{before} {wrong}");
                office.post(&format!("/v1/sync-jobs/{}/cancel", again.job()), &[], "").await;
            }
            if (before, wrong) == ("delta", others) {
                // They have skills of the delta, and the right one lacks them.
                continue;
            }
            // The right one is, and nobody is asked after whom it never meant. It makes the wrong one no better.
            let right = full(&office, BASE).await;
            let job = office.bed.finish(right.job()).await;
            assert_eq!(crate::bed::in_state(&job, EntryState::Failed), 0, "{before} {wrong}");
            let again = full(&office, wrong).await;
            held(&office, &again).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_name_of_somebody_inactive_leads_to_nobody() {
    let mut scenario = employees(10);
    if let Population::Generated(generated) = &mut scenario.population {
        generated.inactive = 1;
    }
    let office = Office::open(&scenario, &by_title("hr", ""));
    let first = full(&office, "employeeNumber,jobTitle\nE1001,Group 1\nE1002,Group 2\nE1003,Group 3\n").await;
    office.finish(&first).await;
    let next = full(&office, "employeeNumber,jobTitle\nE1001,Group 1\nE1002,Group 2\nE1010,Group 3\n").await;
    held(&office, &next).await;
    assert_eq!(office.groups(3), ["Group 3"]);
}

#[tokio::test(start_paused = true)]
async fn people_who_are_never_found_hold_up_no_leaver_after_their_first_export() {
    let base: Vec<_> = (1..=6).map(|n| format!("E{},Group {n}\n", 1000 + n)).collect();
    let office = Office::open(&employees(10), &by_title("hr", ""));
    for (people, cleaners) in [(1, ""), (1, "C1,Group 1\n"), (2, "C1,Group 1\n"), (2, "C1,\nC2,\n"), (3, "C1,\nC2,\n")]
    {
        let rows = "employeeNumber,jobTitle\n".to_owned() + &base[people - 1..].concat() + cleaners;
        let export = full(&office, &rows).await;
        office.finish(&export).await;
        assert_eq!(office.groups(1).len() + office.groups(2).len(), 3 - people);
    }
}

/// The cleaner is not at Genesys under either number.
#[tokio::test(start_paused = true)]
async fn who_is_never_found_may_change_numbers_while_others_jobs_are_open() {
    let config = by_title("hr", "") + &by_title("other", "");
    let office = Office::open(&employees(10), &config);
    let head = "employeeNumber,jobTitle,id\n";
    let kept = format!("{head}E1001,Group 1,a\nE1002,Group 2,b\n");
    let first = full(&office, &format!("{kept}E1003,Group 3,d\nC1,Group 4,c\n")).await;
    office.finish(&first).await;
    let open = full_of(&office, "other", "employeeNumber,jobTitle\nE1008,Group 8\nE1009,Group 9\n").await;
    let next = full(&office, &format!("{kept}C2,Group 4,c\n")).await;
    office.finish(&open).await;
    office.finish(&next).await;
    assert_eq!([1, 2, 3].map(|n| office.groups(n).len()), [1, 1, 0]);
    let entries = office.bed.entries(next.job());
    assert_eq!(entries.len(), 4, "the former number of the cleaner was never anybody's");
}

/// Numbers change their form for everybody at once, at the HR system alone or at Genesys as well.
#[tokio::test(start_paused = true)]
async fn a_leaver_is_believed_after_all_names_have_changed() {
    for renumbered in [false, true] {
        let office = Office::open(&employees(10), &by_title("hr", ""));
        let rows = |prefix: &str, last: usize| {
            let row = |n: usize| format!("{prefix}{},Group {n}\n", 1000 + n);
            "employeeNumber,jobTitle\n".to_owned() + &(1..=last).map(row).collect::<String>()
        };
        let first = full(&office, &rows("E", 5)).await;
        office.finish(&first).await;
        let prefix = if renumbered { "N" } else { "e" };
        if renumbered {
            for (user, n) in office.bed.simulator.users().into_iter().zip(1001..) {
                office.bed.simulator.set_employee_id(user.id, Some(&format!("N{n}")));
            }
            tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        }
        let users = office.bed.simulator.users();
        for last in [5, 5, 4, 3] {
            let next = full(&office, &rows(prefix, last)).await;
            let job = office.bed.finish(next.job()).await;
            assert_eq!(crate::bed::in_state(&job, EntryState::Failed), 0, "{renumbered}: {:?}", job.counts);
            let groups =
                |n: usize| office.bed.simulator.assignments_of(users[n - 1].id, SimTarget::WfmSkillGroups).unwrap();
            assert_eq!([3, 4, 5].map(|n| groups(n).len()), [3, 4, 5].map(|n| usize::from(n <= last)));
            tokio::time::sleep(std::time::Duration::from_secs(24 * 3600)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_number_that_is_handed_on_leaves_nothing_with_whom_it_was_of() {
    for (gap, pause) in [(false, 24 * 3600), (true, 24 * 3600), (false, 3600)] {
        let office = Office::open(&employees(10), &(by_title("hr", "") + "[sync]\nhold_skill_left = 0\n"));
        let rows = |more: &str| format!("employeeNumber,jobTitle\nE1001,Group 1\nE1002,Group 2\n{more}");
        let first = full(&office, &rows("E1007,Group 3\n")).await;
        office.finish(&first).await;
        let users = office.bed.simulator.users();
        office.bed.simulator.set_employee_id(users[6].id, Some("OLD7"));
        office.bed.simulator.set_employee_id(users[8].id, Some("E1007"));
        let mut nights = vec![rows("E1007,Group 4\n"), rows("E1007,Group 4\n")];
        if gap {
            nights.insert(0, rows(""));
        }
        for (night, rows) in nights.iter().enumerate() {
            tokio::time::sleep(std::time::Duration::from_secs(pause)).await;
            let next = full(&office, rows).await;
            office.finish(&next).await;
            if gap && night == 0 {
                let left = office.bed.simulator.assignments_of(users[6].id, SimTarget::WfmSkillGroups);
                assert_eq!(left, Some(Vec::new()), "who is missing is who the number was of");
            }
        }
        let groups =
            |n: usize| office.bed.simulator.assignments_of(users[n - 1].id, SimTarget::WfmSkillGroups).unwrap();
        assert_eq!([groups(7).len(), groups(9).len()], [0, 1], "{gap}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_is_no_claim_to_whom_it_names() {
    let sync = "[sync]\nhold_skill_left = 0\nhold_skill_percent = 100\nhold_users_percent = 100\n";
    for scope in ["delta", "full"] {
        for applied in [false, true] {
            let office = Office::open(&employees(20), &(by_title("here", "") + &by_title("there", "") + sync));
            let export = async |source: &str, path: &str, numbers: std::ops::RangeInclusive<usize>| {
                let rows: Vec<_> = numbers.map(|n| format!("E{},Group 1\n", 1000 + n)).collect();
                let path = format!("/v1/imports/{source}?{path}");
                let answer = office.post(&path, &CSV, &format!("employeeNumber,jobTitle\n{}", rows.concat())).await;
                assert_eq!(answer.status, 202, "{answer:?}");
                office.finish(&answer).await;
                answer
            };
            export("here", "scope=full", 1..=12).await;
            if !applied {
                export("there", "scope=full", 15..=17).await;
            }
            let plan = export("here", &format!("scope={scope}&dryRun=true"), 13..=17).await;
            if applied {
                let applied = office.post(&format!("/v1/sync-jobs/{}/apply", plan.job()), &[], "").await;
                office.finish(&applied).await;
                if scope == "delta" {
                    assert!((1..=17).all(|n| office.groups(n).len() == 1));
                }
            }
            // Once it is known again, as it is looked at, and once more.
            for _ in 0..2 {
                tokio::time::sleep(std::time::Duration::from_secs(24 * 3600)).await;
                export("here", "scope=full", 1..=12).await;
            }
            let still = (15..=17).filter(|n| !office.groups(*n).is_empty()).count();
            assert_eq!(still, if applied { 0 } else { 3 }, "{scope}, applied: {applied}");
        }
    }
}
