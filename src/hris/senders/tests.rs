use serde_json::json;

use super::*;
use crate::hris::people::Person;

static UTC: TimeZone = TimeZone::UTC;

fn of(preset: Preset) -> Reading<'static> {
    Reading { sender: Sender::of(preset), zone: &UTC, reads_records: false }
}

fn told(preset: Preset, payload: &Value) -> Told {
    read(of(preset), payload.to_string().as_bytes(), &HeaderMap::new()).unwrap()
}

fn refusal(preset: Preset, payload: &Value) -> String {
    read(of(preset), payload.to_string().as_bytes(), &HeaderMap::new()).unwrap_err().to_string()
}

fn changed(record: &str, at: Option<&str>) -> Told {
    Told::changed(record, at.map(|at| at.parse().unwrap()))
}

fn at(person: &Person) -> Option<String> {
    person.occurred_at.map(|at| at.to_string())
}

/// The header with the time at which BambooHR signed.
fn signed_at(second: &str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static("x-bamboohr-timestamp"), second.parse().unwrap())])
}

fn is_handshake(preset: Preset, body: &[u8]) -> bool {
    (Sender::of(preset).is_handshake)(body)
}

fn only(mut told: Told) -> Person {
    assert_eq!((told.people.len(), told.changed.len()), (1, 0), "{told:?}");
    told.people.remove(0)
}

#[test]
fn ids_keep_their_digits() {
    let payload = br#"{"employees": [{"id": 98765432109876543210001, "level": 4.50}, {"id": 98765432109876543210002}, {"id": 1001.0}]}"#;
    let ids = |told: &Told| -> Vec<_> {
        told.people.iter().map(|person| person.attributes.first("id").unwrap().to_owned()).collect()
    };
    let read = |preset| read(of(preset), payload, &HeaderMap::new()).unwrap();
    for preset in [Preset::Generic, Preset::Workday, Preset::BambooHr] {
        assert_eq!(ids(&read(preset)), ["98765432109876543210001", "98765432109876543210002", "1001"], "{preset:?}");
    }
    assert_eq!(read(Preset::Generic).people[0].attributes.first("level"), Some("4.5"));
}

#[test]
fn bamboo_hr_sends_fields_or_events() {
    let batch = json!({"employees": [
        {"id": "5", "changedFields": ["jobTitle"], "fields": {"jobTitle": {"value": "Agent"}, "empty": {"value": null}}},
        {"id": 6, "action": "Deleted", "fields": {}},
    ]});
    let both = read(of(Preset::BambooHr), batch.to_string().as_bytes(), &signed_at("1769884920")).unwrap();
    let people = both.people;
    assert_eq!(people[0].attributes.values("jobtitle").collect::<Vec<_>>(), ["Agent"]);
    assert!(!people[0].attributes.has("empty"));
    assert_eq!((at(&people[0]), both.sent_at.unwrap().to_string().as_str()), (None, "2026-01-31T18:42:00Z"));
    assert_eq!((people[0].left, people[1].left, people[1].attributes.first("id")), (false, true, Some("6")));

    let event = |kind: &str| json!({"type": kind, "timestamp": "2026-01-31T18:42:00+0000", "data": {"companyId": "12345", "employeeId": "67890"}});
    assert_eq!(told(Preset::BambooHr, &event("employee.updated")), changed("67890", Some("2026-01-31T18:42:00Z")));
    assert!(only(told(Preset::BambooHr, &event("employee.deleted"))).left);
    assert_eq!(told(Preset::BambooHr, &event("form.signed")), Told::default());
}

#[test]
fn bamboo_hr_orders_people_by_times_of_their_own() {
    let employee =
        |time: Value| json!({"id": "5", "action": "Updated", "timestamp": time, "fields": {"First Name": "Ana"}});
    let batch = |times: &[Value]| json!({"employees": times.iter().cloned().map(employee).collect::<Vec<_>>()});
    let dates = |times: &[Value], headers: &HeaderMap| {
        let told = read(of(Preset::BambooHr), batch(times).to_string().as_bytes(), headers).unwrap();
        (told.people.iter().map(at).collect::<Vec<_>>(), told.dates_not_read)
    };
    let stamp = signed_at("1769884999");
    let times = [json!("2026-01-31T18:42:00+0000"), json!(1_769_884_800), json!("2026-01-31T18:41:00Z")];
    let read = ["2026-01-31T18:42:00Z", "2026-01-31T18:40:00Z", "2026-01-31T18:41:00Z"];
    assert_eq!(dates(&times, &stamp), (read.map(|date| Some(date.to_owned())).to_vec(), 0));
    // The time of the signature may stand in for the date, but is not the sender's date of the change.
    let missing = [json!(null), json!(""), json!("0001-01-01T00:00:00Z")];
    let strange = [json!("yesterday"), json!(["2026"])];
    for headers in [&stamp, &HeaderMap::new()] {
        assert_eq!(dates(&missing, headers), (vec![None; 3], 0));
        assert_eq!(dates(&strange, headers), (vec![None; 2], 2));
    }
}

#[test]
fn somebody_of_whom_no_fields_are_told_is_read_or_comes_again() {
    for fields in [json!({}), json!([]), json!(null)] {
        let employee = |action: &str| {
            let employee = json!({"id": 7, "action": action, "changedFields": [], "fields": fields.clone()});
            json!({"employees": [employee]}).to_string()
        };
        let told = |action: &str, reads_records: bool| {
            let reading = Reading { reads_records, ..of(Preset::BambooHr) };
            read(reading, employee(action).as_bytes(), &HeaderMap::new()).unwrap()
        };
        assert_eq!(told("Created", false), Told::default(), "Updated follows");
        for action in ["Created", "created", "Updated", ""] {
            assert_eq!(told(action, true), changed("7", None), "{action}");
        }
        for reads_records in [true, false] {
            let person = only(told("Deleted", reads_records));
            assert_eq!((person.left, person.attributes.first("id")), (true, Some("7")));
        }
        assert_eq!(only(told("Updated", false)).attributes.len(), 1, "that its fields are not posted has to be told");
    }
}

#[test]
fn a_form_is_named_as_such() {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap())]);
    let fault = read(of(Preset::BambooHr), b"type=employee.updated", &headers).unwrap_err().to_string();
    assert!(fault.contains("select JSON"), "{fault}");
}

#[test]
fn a_time_without_an_offset_is_local_time_of_the_source() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    for (preset, payload) in [
        (
            Preset::BambooHr,
            json!({"employees": [{"id": "5", "timestamp": "2026-07-31T18:42:00", "fields": {"a": "b"}}]}),
        ),
        (
            Preset::BambooHr,
            json!({"type": "employee.deleted", "timestamp": "2026-07-31T18:42:00", "data": {"employeeId": 5}}),
        ),
        (
            Preset::HiBob,
            json!({"type": "employee.deleted", "triggeredAt": "2026-07-31T18:42:00", "data": {"employeeId": "5"}}),
        ),
        (Preset::Merge, json!({"hook": {"event": "Employee.changed"}, "data": {"modified_at": "2026-07-31T18:42:00"}})),
    ] {
        let read = |zone| {
            let reading = Reading { zone, ..of(preset) };
            at(&only(read(reading, payload.to_string().as_bytes(), &HeaderMap::new()).unwrap()))
        };
        assert_eq!(read(&berlin).as_deref(), Some("2026-07-31T16:42:00Z"), "{preset:?}");
        assert_eq!(read(&UTC).as_deref(), Some("2026-07-31T18:42:00Z"), "{preset:?}");
    }
}

#[test]
fn hi_bob_names_the_person_and_shakes_hands() {
    let event = json!({"type": "employee.updated", "triggeredAt": "2025-01-08T13:06:26.915906", "version": "v2",
        "data": {"employeeId": "3332883854254932743", "fieldUpdates": [{"id": "work.title"}]}});
    assert_eq!(told(Preset::HiBob, &event), changed("3332883854254932743", Some("2025-01-08T13:06:26.915906Z")));
    for kind in ["employee.created", "employee.left", "table.entry.created", "table.entry.updated"] {
        let event = json!({"type": kind, "data": {"employeeId": 17, "tableId": "work"}});
        assert_eq!(told(Preset::HiBob, &event), changed("17", None), "{kind}");
    }
    assert_eq!(told(Preset::HiBob, &json!({"type": "timeoff.request.created", "data": {}})), Told::default());
    for email in ["email", "employeeEmail", "workEmail"] {
        let event = json!({"type": "employee.deleted", "data": {"employeeId": "17", email: "ana@example.com"}});
        let person = only(told(Preset::HiBob, &event));
        let named = [person.attributes.first("id"), person.attributes.first("email")];
        assert_eq!((person.left, named), (true, [Some("17"), Some("ana@example.com")]));
    }
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
    for other in ["Team.changed", "Employee.synced", "LinkedAccount.synced", "Issue.created"] {
        assert_eq!(told(Preset::Merge, &event(other)), Told::default(), "{other}");
    }
    let key = merge::delivery_key(&event("Employee.changed"));
    assert_eq!(key.as_deref(), Some("Employee.changed/r/2026-01-31T18:42:00Z"));
}

#[test]
fn finch_and_personio_name_the_person() {
    let finch = |kind: &str| json!({"company_id": "c", "event_type": kind, "data": {"individual_id": "i-1"}});
    assert_eq!(told(Preset::Finch, &finch("individual.updated")), changed("i-1", None));
    assert_eq!(told(Preset::Finch, &finch("employment.updated")), changed("i-1", None));
    assert_eq!(told(Preset::Finch, &finch("pay_statement.created")), Told::default());
    assert_eq!(told(Preset::Finch, &finch("directory.deleted")), changed("i-1", None));
    assert_eq!(told(Preset::Finch, &json!({"event_type": "directory.updated", "data": {}})), Told::default());
    for test in [json!({"company_id": "c"}), json!({"connection_id": "c"})] {
        assert_eq!(told(Preset::Finch, &test), Told::default());
    }
    assert!(only(told(Preset::Finch, &finch("individual.deleted"))).left);

    let personio = json!({"company_id": 1, "event_name": "person.updated", "occurred_at": "2026-01-31T18:42:00Z",
        "payload": {"person_id": "4711"}});
    assert_eq!(told(Preset::Personio, &personio), changed("4711", Some("2026-01-31T18:42:00Z")));
    for kind in ["person.created", "person.deleted", "employment.updated", "employment.terminated"] {
        let event = json!({"event_name": kind, "occurred_at": 1_769_884_920, "payload": {"person_id": 4711}});
        assert_eq!(told(Preset::Personio, &event), changed("4711", Some("2026-01-31T18:42:00Z")), "{kind}");
    }
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
        assert_eq!(only(told(Preset::Workday, &payload)).attributes, Attributes::of_json(&ana));
    }
    assert_eq!(told(Preset::Workday, &json!({"Report_Entry": []})), Told::default());
    for bad in [json!("x"), json!([1]), json!({"responses": [{"code": 404, "body": {}}]})] {
        assert!(!refusal(Preset::Workday, &bad).is_empty(), "{bad}");
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
            json!({"hook": {"event": "Employee.changed"}}),
        ] {
            assert!(!refusal(preset, &bad).is_empty(), "{preset:?}: {bad}");
        }
    }
}
