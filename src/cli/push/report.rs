//! Prints how a job ended: a table of counts, and the first failures with what to do about them.

use serde_json::Value;

use super::remote::MAX_SHOWN;

/// Prints the counts that are not zero.
pub(super) fn print(view: &Value) {
    for line in table(view) {
        println!("{line}");
    }
}

fn table(view: &Value) -> Vec<String> {
    let counts = |of: &str| -> Vec<(String, u64)> {
        let object = view.get(of).and_then(Value::as_object);
        let all = object.into_iter().flatten().filter_map(|(name, count)| Some((name.clone(), count.as_u64()?)));
        all.filter(|(_, count)| *count > 0).collect()
    };
    let rows = counts("counts").into_iter().map(|(state, count)| format!("  {state:<12}{count:>8}"));
    let conflicts = counts("conflicts");
    let causes: Vec<_> = conflicts.iter().map(|(cause, count)| format!("{cause} {count}")).collect();
    let calls = view.pointer("/calls/made").and_then(Value::as_u64).unwrap_or_default();
    let status = view.get("status").and_then(Value::as_str).unwrap_or_default();
    let head = std::iter::once(format!("{status}, {calls} calls to Genesys"));
    let causes = (!causes.is_empty()).then(|| format!("  conflicts: {}", causes.join(", ")));
    let skills = view.get("createdSkills").and_then(Value::as_array).into_iter().flatten();
    let skills: Vec<_> = skills.filter_map(|skill| skill.get("name")?.as_str()).collect();
    let created = (!skills.is_empty()).then(|| format!("  created skills: {}", skills.join(", ")));
    head.chain(rows).chain(causes).chain(created).collect()
}

/// Prints the first failures.
pub(super) fn print_failures(entries: &[Value], all: u64) {
    for entry in entries {
        println!("{}", failure(entry));
    }
    let shown = entries.len().min(MAX_SHOWN) as u64;
    if all > shown {
        println!("… and {} more", all - shown);
    }
}

fn failure(entry: &Value) -> String {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let index = entry.get("index").and_then(Value::as_u64).unwrap_or_default();
    let row = text("ref").map_or_else(|| format!("entry {index}"), str::to_owned);
    format!("{row} failed, {}: {}", text("reason").unwrap_or_default(), text("message").unwrap_or_default())
}

/// Prints why a job is held, and how to apply or cancel it.
pub(super) fn print_held(view: &Value, address: &str) {
    println!("held: {}", view.pointer("/held/message").and_then(Value::as_str).unwrap_or_default());
    println!("  apply (requires an API key with the role admin): curl -X POST {address}/apply");
    println!("  cancel: curl -X POST {address}/cancel");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_happened_is_in_the_table() {
        let view = json!({"status": "completed", "counts": {"total": 3, "applied": 2, "failed": 1, "held": 0},
            "conflicts": {"total": 2, "busy": 2, "blocked": 0}, "calls": {"made": 9}});
        let table = table(&view).join("\n");
        assert!(table.starts_with("completed, 9 calls to Genesys"), "{table}");
        assert!(table.contains("applied            2") && table.contains("conflicts: "), "{table}");
        assert!(!table.contains("held") && !table.contains("blocked") && !table.contains("created"), "{table}");
    }

    #[test]
    fn created_skills_are_named() {
        let view = json!({"status": "completed", "createdSkills": [{"id": "1", "name": "Spanish"}, {"name": "VIP"}]});
        assert_eq!(table(&view), ["completed, 0 calls to Genesys", "  created skills: Spanish, VIP"]);
    }

    #[test]
    fn a_failure_names_its_row_or_its_place() {
        let mut entry = json!({"index": 4, "ref": "row-5", "reason": "userNotFound", "message": "nobody has this id"});
        assert_eq!(failure(&entry), "row-5 failed, userNotFound: nobody has this id");
        entry["ref"] = Value::Null;
        assert!(failure(&entry).starts_with("entry 4 failed"));
    }
}
