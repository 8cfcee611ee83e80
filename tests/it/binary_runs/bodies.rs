//! Submissions as the API takes them, and what is to be expected of each row.

use genesys_simulator::{CatalogueEntry, SimUser, Target};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::history::Mode;
use super::plan::{Naming, Occurred, Row, SameUser, Submission, Who};

/// Who and what a body can name.
pub(super) struct Org {
    pub(super) users: Vec<SimUser>,
    pub(super) skills: Vec<CatalogueEntry>,
    pub(super) groups: Vec<CatalogueEntry>,
}

impl Org {
    pub(super) fn items(&self, target: Target) -> &[CatalogueEntry] {
        match target {
            Target::RoutingSkills => &self.skills,
            Target::RoutingLanguages => unreachable!("no job of skillsync is about languages"),
            Target::WfmSkillGroups => &self.groups,
        }
    }

    fn user(&self, who: Who, row: usize) -> Value {
        match who {
            Who::User(user, naming) => {
                let user = &self.users[user];
                match naming {
                    Naming::Id => json!({ "id": user.id }),
                    Naming::Email => json!({ "email": user.email }),
                    Naming::EmployeeId => json!({ "employeeId": user.employee_id }),
                    Naming::ExternalId => {
                        let external = &user.external_ids[0];
                        json!({ "externalId": format!("{}:{}", external.authority, external.key) })
                    }
                }
            }
            Who::Nobody(naming) => match naming {
                Naming::Id => json!({ "id": Uuid::from_u128(0x40_00_00 + row as u128) }),
                Naming::Email => json!({ "email": format!("nobody{row}@example.com") }),
                Naming::EmployeeId => json!({ "employeeId": format!("E-none-{row}") }),
                Naming::ExternalId => json!({ "externalId": format!("hris:none{row}") }),
            },
        }
    }

    fn row(&self, target: Target, row: &Row, job: usize, at: usize, now: Timestamp, last: Option<Timestamp>) -> Value {
        let items = self.items(target);
        let rated = target == Target::RoutingSkills;
        let listed = row.items.iter().map(|(item, level)| match level.filter(|_| rated) {
            Some(level) => json!({ "name": items[*item].name, "proficiency": f64::from(level) / 10.0 }),
            None => json!({ "name": items[*item].name }),
        });
        let mut listed: Vec<Value> = listed.collect();
        if row.unknown_item {
            listed.push(json!({ "name": "What nobody has heard of" }));
        }
        let mut entry = json!({
            "ref": reference(job, at), "user": self.user(row.who, at), "assignments": listed,
        });
        if let Some(occurred) = row.occurred {
            entry["occurredAt"] = json!(date(occurred, now, last));
        }
        entry
    }

    /// The body; `sameUser` only for who knows it.
    pub(super) fn body(
        &self,
        submission: &Submission,
        job: usize,
        now: Timestamp,
        last: Option<Timestamp>,
        knows_same_user: bool,
    ) -> Value {
        let Submission { target, mode, dry_run, urgent, same_user, rows } = submission;
        let rows = rows.iter().enumerate().map(|(at, row)| self.row(*target, row, job, at, now, last));
        let mut body = json!({
            "target": if *target == Target::RoutingSkills { "routingSkills" } else { "wfmSkillGroups" },
            "mode": match mode {
                Mode::Add => "add",
                Mode::Remove => "remove",
                Mode::Managed => "managed",
                Mode::Replace => "replace",
            },
            "lane": if *urgent { "interactive" } else { "bulk" },
            "dryRun": dry_run,
            "entries": rows.collect::<Vec<_>>(),
        });
        if let Some(same_user) = same_user.filter(|_| knows_same_user) {
            body["sameUser"] = json!(if same_user == SameUser::Merge { "merge" } else { "inOrder" });
        }
        body
    }
}

/// How an entry is found again in a job that repeats it.
pub(super) fn reference(job: usize, row: usize) -> String {
    format!("{job}-{row}")
}

fn date(occurred: Occurred, now: Timestamp, last: Option<Timestamp>) -> Timestamp {
    match occurred {
        Occurred::Offset(millis) => now + SignedDuration::from_millis(millis),
        Occurred::WithTheLastJob => last.unwrap_or(now),
    }
}

/// Other rows about the same user, where the job does not say what they mean together.
fn rivals(submission: &Submission, at: usize) -> impl Iterator<Item = &Row> {
    let unsaid = submission.same_user.is_none() && matches!(submission.mode, Mode::Managed | Mode::Replace);
    let user = submission.rows[at].who.user();
    let others = submission.rows.iter().enumerate().filter(move |(other, _)| *other != at).map(|(_, row)| row);
    others.filter(move |row| unsaid && user.is_some() && row.who.user() == user)
}

/// Whether all rows about the user of this one say when they happened.
fn all_dated(submission: &Submission, at: usize) -> bool {
    let user = submission.rows[at].who.user();
    submission.rows.iter().filter(|row| row.who.user() == user).all(|row| row.occurred.is_some())
}

/// Whether the submission has two rows under one key that contradict each other.
pub(super) fn is_refused(submission: &Submission) -> bool {
    (0..submission.rows.len()).any(|at| {
        !all_dated(submission, at) && rivals(submission, at).any(|other| other.who == submission.rows[at].who)
    })
}

/// Why a row has to fail.
pub(super) fn causes(submission: &Submission, at: usize, knows_same_user: bool) -> Vec<&'static str> {
    let row = &submission.rows[at];
    let duplicate = knows_same_user && !all_dated(submission, at) && rivals(submission, at).next().is_some();
    let causes = [
        (matches!(row.who, Who::Nobody(_)), "userNotFound"),
        (row.unknown_item, "assignmentNotFound"),
        (duplicate, "duplicateUser"),
    ];
    causes.into_iter().filter_map(|(due, reason)| due.then_some(reason)).collect()
}
