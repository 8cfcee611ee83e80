//! Shows the plan of a dry run as a diff, for review before it is carried out.

use anyhow::Result;
use serde_json::Value;

use super::remote::{self, Remote};

/// Maximum number of users whose changes are shown individually; the rest are only counted.
const MAX_SHOWN: u64 = 50;

/// The totals of a plan.
#[derive(Debug, Default, PartialEq, Eq)]
struct PlannedChanges {
    users: u64,
    added: u64,
    removed: u64,
    updated: u64,
}

impl PlannedChanges {
    fn count(&mut self, entry: &Value) {
        let len = |list: &str| entry.get(list).and_then(Value::as_array).map_or(0, |list| list.len() as u64);
        self.users += 1;
        self.added += len("added");
        self.removed += len("removed");
        self.updated += len("updated");
    }
}

/// Prints the plan of a finished dry run, and returns the number of users that it would change.
pub(super) async fn show(remote: &Remote, view: &Value) -> Result<u64> {
    let id = remote::id_of(view)?;
    let (mut changes, mut shown, mut cursor) = (PlannedChanges::default(), 0, None);
    loop {
        let page = remote.entries(id, "planned", 1000, cursor.as_deref()).await?;
        let entries = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        for entry in &entries {
            changes.count(entry);
            if shown < MAX_SHOWN {
                shown += 1;
                println!("{}", difference(entry));
            }
        }
        cursor = page.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    if changes.users > shown {
        println!("… and {} more users", changes.users - shown);
    }
    let PlannedChanges { users, added, removed, updated } = changes;
    println!("plan: {users} users would change: {added} assignments added, {removed} removed, {updated} updated");
    Ok(users)
}

/// Returns the line of one user: `row-1 E1001  + Billing  - VIP  ~ Sales:3`.
fn difference(entry: &Value) -> String {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let user = entry.get("user").and_then(Value::as_object).and_then(|user| user.values().find(|id| id.is_string()));
    let signs = [("added", "+"), ("removed", "-"), ("updated", "~")];
    let parts = signs.into_iter().flat_map(|(list, sign)| {
        let assignments = entry.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
        assignments.into_iter().map(move |assignment| {
            let name = assignment.get("name").and_then(Value::as_str).or(assignment.get("id").and_then(Value::as_str));
            let level = assignment.get("proficiency").and_then(Value::as_f64).filter(|_| sign != "-");
            let level = level.map(|level| format!(":{level}")).unwrap_or_default();
            format!("  {sign} {}{level}", name.unwrap_or_default())
        })
    });
    let head = [text(entry.get("ref")), text(user)].join(" ");
    format!("{}{}", head.trim(), parts.collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_reads_like_a_difference() {
        let entry = json!({"ref": "row-1", "user": {"id": null, "employeeId": "E1001"},
            "added": [{"id": "x", "name": "Billing", "proficiency": 4.5}],
            "removed": [{"id": "y", "name": null, "proficiency": 1.0}],
            "updated": [{"id": "z", "name": "Sales", "proficiency": 3.0}]});
        assert_eq!(difference(&entry), "row-1 E1001  + Billing:4.5  - y  ~ Sales:3");
        let mut changes = PlannedChanges::default();
        changes.count(&entry);
        assert_eq!(changes, PlannedChanges { users: 1, added: 1, removed: 1, updated: 1 });
    }
}
