use serde_json::json;

use super::*;
use crate::hris::people::{Changed, Person};

fn told(preset: Preset, payload: &Value) -> Told {
    read(preset, payload.to_string().as_bytes(), &HeaderMap::new()).unwrap()
}

fn changed(record: &str, at: Option<&str>) -> Told {
    Told {
        people: Vec::new(),
        changed: vec![Changed { record: record.into(), occurred_at: at.map(|at| at.parse().unwrap()) }],
    }
}

fn only(mut told: Told) -> Person {
    assert_eq!((told.people.len(), told.changed.len()), (1, 0), "{told:?}");
    told.people.remove(0)
}

#[test]
fn bamboo_hr_sends_fields_or_events() {
    let batch = json!({"employees": [
        {"id": "5", "changedFields": ["jobTitle"], "fields": {"jobTitle": {"value": "Agent"}, "empty": {"value": null}}},
        {"id": 6, "action": "Deleted", "fields": {}},
    ]});
    let headers = [("x-bamboohr-timestamp", "1769884920")];
    let headers = headers.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
    let people = read(Preset::BambooHr, batch.to_string().as_bytes(), &HeaderMap::from_iter(headers)).unwrap().people;
    assert_eq!(people[0].attributes.values("jobtitle").collect::<Vec<_>>(), ["Agent"]);
    assert!(!people[0].attributes.has("empty"));
    assert_eq!(people[0].occurred_at.unwrap().to_string(), "2026-01-31T18:42:00Z");
    assert_eq!((people[0].left, people[1].left, people[1].attributes.first("id")), (false, true, Some("6")));

    let event = |kind: &str| json!({"type": kind, "timestamp": "2026-01-31T18:42:00+0000", "data": {"companyId": "12345", "employeeId": "67890"}});
    assert_eq!(told(Preset::BambooHr, &event("employee.updated")), changed("67890", Some("2026-01-31T18:42:00Z")));
    assert!(only(told(Preset::BambooHr, &event("employee.deleted"))).left);
    assert_eq!(told(Preset::BambooHr, &event("form.signed")), Told::default());
}

#[test]
fn hi_bob_names_the_person_and_shakes_hands() {
    let event = json!({"type": "employee.updated", "triggeredAt": "2025-01-08T13:06:26.915906", "version": "v2",
        "data": {"employeeId": "3332883854254932743", "fieldUpdates": [{"id": "work.title"}]}});
    assert_eq!(told(Preset::HiBob, &event), changed("3332883854254932743", Some("2025-01-08T13:06:26.915906Z")));
    for ping in ["Ping test", "\"Ping test\"", "{\"text\":\"Ping test\"}"] {
        assert!(is_handshake(Preset::HiBob, ping.as_bytes()), "{ping}");
        assert!(!is_handshake(Preset::Merge, ping.as_bytes()), "{ping}");
    }
    for other in ["", "Ping", "{\"text\":\"Ping test\",\"type\":\"employee.left\"}"] {
        assert!(!is_handshake(Preset::HiBob, other.as_bytes()), "{other}");
    }
}

#[test]
fn merge_sends_the_record() {
    let event = |event: &str| json!({"hook": {"id": "h", "event": event}, "data": {"id": "r", "employee_number": "2", "modified_at": "2026-01-31T18:42:00Z"}});
    let person = only(told(Preset::Merge, &event("Employee.changed")));
    assert_eq!(person.attributes.first("employee_number"), Some("2"));
    assert_eq!((person.left, person.occurred_at.unwrap().to_string().as_str()), (false, "2026-01-31T18:42:00Z"));
    assert!(only(told(Preset::Merge, &event("Employee.removed"))).left);
    assert_eq!(told(Preset::Merge, &event("Team.changed")), Told::default());
    let key = merge::delivery_key(&event("Employee.changed"));
    assert_eq!(key.as_deref(), Some("Employee.changed/r/2026-01-31T18:42:00Z"));
}

#[test]
fn finch_and_personio_name_the_person() {
    let finch = |kind: &str| json!({"company_id": "c", "event_type": kind, "data": {"individual_id": "i-1"}});
    assert_eq!(told(Preset::Finch, &finch("individual.updated")), changed("i-1", None));
    assert_eq!(told(Preset::Finch, &finch("employment.updated")), changed("i-1", None));
    assert_eq!(told(Preset::Finch, &finch("pay_statement.created")), Told::default());
    assert_eq!(told(Preset::Finch, &json!({"company_id": "c"})), Told::default());
    assert!(only(told(Preset::Finch, &finch("individual.deleted"))).left);

    let personio = json!({"company_id": 1, "event_name": "person.updated", "occurred_at": "2026-01-31T18:42:00Z",
        "payload": {"person_id": "4711"}});
    assert_eq!(told(Preset::Personio, &personio), changed("4711", Some("2026-01-31T18:42:00Z")));
}

#[test]
fn records_are_found_where_reports_have_them() {
    let ana = json!({"Employee_ID": "10013", "Job_Title": "Agent"});
    for payload in [
        ana.clone(),
        json!([ana.clone()]),
        json!({"Report_Entry": [ana.clone()]}),
        json!({"employees": [ana.clone()]}),
        json!({"data": ana.clone()}),
        json!({"responses": [{"individual_id": "i", "code": 200, "body": ana.clone()}]}),
    ] {
        assert_eq!(
            only(told(Preset::Workday, &payload)).attributes,
            crate::hris::attributes::Attributes::of_json(&ana)
        );
    }
    assert_eq!(told(Preset::Workday, &json!({"Report_Entry": []})), Told::default());
    for bad in [json!("x"), json!([1]), json!({"responses": [{"code": 404, "body": {}}]})] {
        assert!(read(Preset::Workday, bad.to_string().as_bytes(), &HeaderMap::new()).is_err(), "{bad}");
    }
}

#[test]
fn what_lacks_its_parts_is_not_understood() {
    for preset in [Preset::BambooHr, Preset::HiBob, Preset::Merge, Preset::Finch, Preset::Personio] {
        for bad in [
            json!({}),
            json!([]),
            json!(null),
            json!({"type": "employee.updated"}),
            json!({"hook": {"event": "Employee.x"}}),
        ] {
            assert!(read(preset, bad.to_string().as_bytes(), &HeaderMap::new()).is_err(), "{preset:?}: {bad}");
        }
    }
}
