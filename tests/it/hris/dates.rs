//! Dates as senders write them: which change is the newer one, and what becomes of dates that are none.

use serde_json::{Value, json};
use skillsync::domain::EntryState;

use super::{BEGIN, Office, by_title, employees};
use crate::bed::in_state;

/// A batch of BambooHR: people with a title and the time of the change.
fn batch(people: &[(usize, &str, Value)]) -> String {
    let employee = |(n, title, timestamp): &(usize, &str, Value)| {
        let fields = json!({"employeeNumber": format!("E{}", 1000 + n), "jobTitle": title});
        json!({"id": n, "action": "Updated", "timestamp": timestamp, "changedFields": ["jobTitle"], "fields": fields})
    };
    json!({"employees": people.iter().map(employee).collect::<Vec<_>>()}).to_string()
}

/// The second as a text with an offset.
fn written(second: i64) -> Value {
    jiff::Timestamp::from_second(second).unwrap().to_string().replace('Z', "+0000").into()
}

#[tokio::test(start_paused = true)]
async fn the_time_of_the_change_decides_and_not_that_of_the_signature() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let newer = office.bamboo("hr", &batch(&[(1, "Group 2", written(BEGIN - 10))]), BEGIN - 10).await;
    office.finish(&newer).await;
    for older in
        [written(BEGIN - 600), json!(BEGIN - 600), json!((BEGIN - 600) * 1000), json!((BEGIN - 600).to_string())]
    {
        let older = office.bamboo("hr", &batch(&[(1, "Group 3", older)]), BEGIN).await;
        let job = office.bed.finish(older.job()).await;
        assert_eq!(in_state(&job, EntryState::Superseded), 1, "{:?}", job.counts);
        assert_eq!(office.groups(1), ["Group 2"]);
    }
    // Without a time of its own, that of the signature stands for it.
    for (at, group) in [(BEGIN - 300, "Group 2"), (BEGIN + 1, "Group 4")] {
        let untimed = office.bamboo("hr", &batch(&[(1, "Group 4", json!("0001-01-01T00:00:00Z"))]), at).await;
        office.finish(&untimed).await;
        assert_eq!((office.groups(1), &untimed.body["datesNotRead"]), (vec![group.to_owned()], &json!(0)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_of_the_change_does_not_lose_against_that_of_a_signature_or_of_its_coming() {
    let (scenario, sources) = (employees(10), by_title("hr", ""));
    let mut office = Office::open(&scenario, &sources);
    let fields = |title: &str, timestamp: Value| batch(&[(1, title, timestamp)]);
    let deleted =
        json!({"employees": [{"id": 1, "action": "Deleted", "timestamp": written(BEGIN - 3600), "fields": []}]});
    // What comes, signed so many seconds after the beginning, and what they have then.
    let story: [(String, i64, &[&str]); 7] = [
        (fields("Group 2", Value::Null), 0, &["Group 2"]),
        (fields("Group 3", written(BEGIN - 48 * 3600)), 10, &["Group 3"]),
        (fields("Group 4", Value::Null), 20, &["Group 4"]),
        // Late: an older date than that of the second.
        (fields("Group 5", written(BEGIN - 49 * 3600)), 30, &["Group 4"]),
        (deleted.to_string(), 40, &[]),
        // Late as well, and what is told once more, signed anew.
        (fields("Group 5", written(BEGIN - 3700)), 50, &[]),
        (fields("Group 3", written(BEGIN - 48 * 3600)), 60, &[]),
    ];
    for (body, at, groups) in story {
        let answer = office.bamboo("hr", &body, BEGIN + at).await;
        assert_eq!(answer.status, 202, "{body}: {answer:?}");
        office.finish(&answer).await;
        assert_eq!(office.groups(1), groups, "{body}");
        let (simulator, kept) = (office.bed.simulator.clone(), std::sync::Arc::clone(&office.bed.kept));
        assert!(office.bed.lifecycle.stop(std::time::Duration::from_secs(30)).await);
        office = Office::reopen(simulator, kept, &scenario, &sources);
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ahead_bars_no_change_that_comes_later() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    // Eleven minutes ahead: the first came two minutes late, and just counts as dated; the second would be in the future.
    for (ahead, title, in_future) in [(9 * 60, "Group 2", 0), (11 * 60, "Group 3", 1)] {
        let answer = office.bamboo("hr", &batch(&[(1, title, written(BEGIN + ahead))]), BEGIN).await;
        assert_eq!(answer.body["datedInFuture"], in_future, "{answer:?}");
        office.finish(&answer).await;
        assert_eq!(office.groups(1), [title]);
    }
}

#[tokio::test(start_paused = true)]
async fn one_batch_in_any_order_ends_with_the_newest() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let times =
        [(1, "Group 3", -60), (2, "Group 1", -60), (1, "Group 1", -300), (1, "Group 2", -200), (2, "Group 5", -50)];
    let people = times.map(|(n, title, ago)| (n, title, written(BEGIN + ago)));
    let answer = office.bamboo("hr", &batch(&people), BEGIN).await;
    office.finish(&answer).await;
    assert_eq!((office.groups(1), office.groups(2)), (vec!["Group 3".to_owned()], vec!["Group 5".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn local_times_are_those_of_the_sources_time_zone() {
    let sources = by_title("berlin", "time_zone = 'Europe/Berlin'") + &by_title("utc", "");
    let office = Office::open(&employees(10), &sources);
    let local =
        |hour: i64| json!(jiff::Timestamp::from_second(BEGIN + hour * 3600).unwrap().to_string().replace('Z', ""));
    let ahead = office.bamboo("utc", &batch(&[(1, "Group 1", local(1))]), BEGIN).await;
    office.finish(&ahead).await;
    assert_eq!(ahead.body["datedInFuture"], 1, "an hour ahead where it counts as UTC: {ahead:?}");
    let right = office.bamboo("berlin", &batch(&[(2, "Group 1", local(1))]), BEGIN).await;
    office.finish(&right).await;
    assert_eq!(right.body["datedInFuture"], 0, "{right:?}");
    let date = office.bed.entries(right.job())[0].request.occurred_at;
    assert_eq!(date, jiff::Timestamp::from_second(BEGIN).ok());
}

#[tokio::test(start_paused = true)]
async fn a_date_that_cannot_be_read_is_told_and_counts_as_not_given() {
    let office = Office::open(&employees(10), &by_title("hr", ""));
    let people = [
        (1, "Group 1", json!("31.01.2026 18:42")),
        (2, "Group 1", json!("2026-01-31T18:42:00+25:00")),
        (3, "Group 1", written(BEGIN - 5)),
    ];
    let answer = office.bamboo("hr", &batch(&people), BEGIN).await;
    assert_eq!((answer.status, &answer.body["datesNotRead"], &answer.body["notMapped"]), (202, &json!(2), &json!(0)));
    office.finish(&answer).await;
    let dates: Vec<_> = office.bed.entries(answer.job()).iter().map(|entry| entry.request.occurred_at).collect();
    let second = |second| jiff::Timestamp::from_second(second).ok();
    assert_eq!(dates, [second(BEGIN), second(BEGIN), second(BEGIN - 5)]);
    let text = office.get_text("/metrics").await;
    assert!(text.contains("skillsync_webhook_dates_not_read_total{source=\"hr\"} 2"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_person_without_fields_is_no_fault_of_the_sender() {
    let sources = by_title("fields", "") + &by_title("records", "record = { url = 'https://hr.test/{id}' }");
    let office = Office::open(&employees(10), &sources);
    let created =
        json!({"employees": [{"id": "1", "action": "Created", "changedFields": [], "fields": []}]}).to_string();
    let nothing = office.bamboo("fields", &created, BEGIN).await;
    assert_eq!((nothing.status, &nothing.body["notMapped"]), (200, &json!(0)), "{nothing:?}");
    let to_read = office.bamboo("records", &created, BEGIN).await;
    assert_eq!((to_read.status, &to_read.body["recordsToRead"]), (202, &json!(1)), "{to_read:?}");
    let updated = created.replace("Created", "Updated");
    assert_eq!(office.bamboo("fields", &updated, BEGIN).await.status, 422, "its fields are not posted");
}
