//! Senders that only say whom something happened to: what it is, is in their records.

use serde_json::{Value, json};

use super::{JobDelta, Stage, Teller, What};
use crate::hris::senders::Vendor;

/// BambooHR, "Event-Based Webhooks". A `created` is followed by an `updated` at once.
fn bamboo(news: &JobDelta) -> Vec<Value> {
    let event = |kind: &str, fields: &[&str]| {
        let mut data = json!({"companyId": "12345", "employeeId": bamboo_id(news.of)});
        if kind == "employee.updated" {
            data["changedFields"] = json!(fields);
        }
        json!({"type": kind, "timestamp": news.at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string(), "data": data})
    };
    match news.what {
        What::Hired => vec![event("employee.created", &[]), event("employee.updated", &["employeeNumber", "jobTitle"])],
        What::Retitled => vec![event("employee.updated", &["jobTitle"])],
        What::Left | What::Returned => vec![event("employee.updated", &["status", "terminationDate"])],
        What::Deleted => vec![event("employee.deleted", &[])],
    }
}

fn bamboo_id(of: usize) -> String {
    (67_890 + of).to_string()
}

/// `GET /employees/{id}/?fields=…`.
fn bamboo_record(news: &JobDelta) -> Option<Value> {
    (news.what != What::Deleted).then(|| {
        json!({"id": bamboo_id(news.of), "employeeNumber": news.employee_id(), "jobTitle": news.title,
            "status": news.status("Active", "Inactive")})
    })
}

#[tokio::test]
async fn bamboo_hr_by_events() {
    let teller = Teller {
        vendor: Vendor::BambooHrEvents,
        keys: "user = { employee_id = 'employeeNumber' }\n\
               record = { url = 'https://hr.test/api/v1/employees/{id}/?fields=employeeNumber,jobTitle,status', per_second = 40 }"
            .to_owned(),
        title: "jobTitle",
        id: bamboo_id,
        told: bamboo,
        record: bamboo_record,
    };
    Stage::open(teller).await.whole_story().await;
}

/// HiBob, "Employee data webhooks" of version 2. A title is an entry of the table `work`, whose change is told on its own and as
/// one of the employee. Of who is deleted, the address is told.
fn bob(news: &JobDelta) -> Vec<Value> {
    let event = |kind: &str, more: Value| {
        let mut data = json!({"employeeId": bob_id(news.of)});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"companyId": 636_192, "type": kind, "triggeredBy": "3332883804248900116",
            "triggeredAt": news.at.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string(), "version": "v2", "data": data})
    };
    match news.what {
        What::Hired => {
            vec![event("employee.created", json!({})), event("employee.joined", json!({"effectiveDate": date(news)}))]
        }
        What::Retitled => vec![
            event(
                "table.entry.updated",
                json!({"tableId": "work", "entryId": "6481", "fieldUpdates": [{"id": "work.title"}]}),
            ),
            event("employee.updated", json!({"fieldUpdates": [{"id": "work.title"}]})),
        ],
        What::Left => vec![
            event("employee.inactivated", json!({"effectiveDate": date(news)})),
            event("employee.left", json!({"effectiveDate": date(news)})),
        ],
        What::Returned => vec![event("employee.activated", json!({"effectiveDate": date(news)}))],
        What::Deleted => vec![event("employee.deleted", json!({"employeeEmail": news.email()}))],
    }
}

fn date(news: &JobDelta) -> String {
    news.at.strftime("%Y-%m-%d").to_string()
}

fn bob_id(of: usize) -> String {
    (3_332_883_854_254_932_740 + of).to_string()
}

/// `POST /people/{id}` with the fields that are asked for.
fn bob_record(news: &JobDelta) -> Option<Value> {
    (news.what != What::Deleted).then(|| {
        json!({"id": bob_id(news.of), "fullName": "Ana Example", "email": news.email(),
            "work": {"title": news.title, "site": "Berlin"},
            "internal": {"status": news.status("Active", "Inactive"), "lifecycleStatus": news.status("employed", "terminated")}})
    })
}

#[tokio::test]
async fn hi_bob() {
    let teller = Teller {
        vendor: Vendor::HiBob,
        keys: "user = { email = 'email' }\n[webhooks.record]\nurl = 'https://hr.test/v1/people/{id}'\nmethod = 'POST'\n\
               body = '{\"fields\": [\"root.id\", \"root.email\", \"work.title\", \"internal.status\", \"internal.lifecycleStatus\"]}'\n\
               per_second = 40"
            .to_owned(),
        title: "work.title",
        id: bob_id,
        told: bob,
        record: bob_record,
    };
    Stage::open(teller).await.whole_story().await;
}

/// Finch, "Data updates": no dates, and an id of the delivery in a header.
fn finch(news: &JobDelta) -> Vec<Value> {
    let event = |kind: &str| {
        json!({"company_id": "720be419-0293-4d32-a707-32179b0827ab", "account_id": "f5f4ea1b-1e4b-4f5a-8a3a-2a3f5e8b6c11",
            "connection_id": "0c1f2d5a-58b2-4a60-9b0a-6f9f3b0d8f61", "entity_id": "720be419-0293-4d32-a707-32179b0827ab",
            "event_type": kind, "data": {"individual_id": finch_id(news.of)}})
    };
    match news.what {
        What::Hired => ["directory.created", "individual.created", "employment.created"].map(event).into(),
        What::Retitled | What::Left | What::Returned => vec![event("employment.updated")],
        What::Deleted => ["individual.deleted", "employment.deleted"].map(event).into(),
    }
}

fn finch_id(of: usize) -> String {
    format!("H{of}")
}

/// `POST /employer/employment`, which has an answer a person. A rehire is a later start of the same employment.
fn finch_record(news: &JobDelta) -> Value {
    let id = finch_id(news.of);
    let body = json!({"id": id, "first_name": "Ana", "last_name": "Example", "title": news.title, "manager": null,
        "department": {"name": "Service"}, "employment": {"type": "employee", "subtype": "full_time"},
        "start_date": "2020-01-07", "end_date": null, "is_active": news.works(), "class_code": null});
    let item = match news.what {
        What::Deleted => json!({"individual_id": id, "code": 404, "body": {"name": "not_found", "code": 404}}),
        What::Hired | What::Retitled | What::Left | What::Returned => {
            json!({"individual_id": id, "code": 200, "body": body})
        }
    };
    json!({"responses": [item]})
}

#[tokio::test]
async fn finch_by_ids() {
    let teller = Teller {
        vendor: Vendor::Finch,
        keys: "user = { external_id = 'id', authority = 'hris' }\n[webhooks.record]\nurl = 'https://hr.test/employer/employment'\n\
               method = 'POST'\nbody = '{\"requests\": [{\"individual_id\": \"{id}\"}]}'\nper_second = 40\n\
               headers = { 'Finch-API-Version' = '2020-09-17' }"
            .to_owned(),
        title: "title",
        id: finch_id,
        told: finch,
        record: |news| Some(finch_record(news)),
    };
    Stage::open(teller).await.whole_story().await;
}

/// Personio, "Webhooks" of version 2: events of the person, and of what they are employed as.
fn personio(news: &JobDelta) -> Vec<Value> {
    let id = personio_id(news.of);
    let event = |kind: &str| {
        let mut payload = json!({"person_id": id});
        if kind.starts_with("employment.") {
            payload["employment_id"] = json!(format!("9{id}"));
        }
        json!({"company_id": "1234", "event_id": format!("{kind}-{id}-{}", news.at.as_second()), "event_name": kind,
            "occurred_at": news.at.to_string(), "payload": payload})
    };
    let kinds: &[&str] = match news.what {
        What::Hired => &["person.created", "employment.created", "employment.started"],
        What::Retitled => &["person.updated"],
        What::Left => &["employment.updated", "employment.terminated"],
        What::Returned => &["employment.created", "employment.started", "person.updated"],
        What::Deleted => &["employment.deleted", "person.deleted"],
    };
    kinds.iter().map(|kind| event(kind)).collect()
}

fn personio_id(of: usize) -> String {
    (4_710 + of).to_string()
}

/// `GET /v2/persons/{id}`: the position is one of a list of attributes that each customer makes up.
fn personio_record(news: &JobDelta) -> Option<Value> {
    let custom =
        |label: &str, value: &str| json!({"id": "dynamic_7", "type": "string", "label": label, "value": value});
    (news.what != What::Deleted).then(|| {
        json!({"id": personio_id(news.of), "email": news.email(), "first_name": "Ana", "last_name": "Example",
            "status": news.status("ACTIVE", "INACTIVE"), "created_at": "2020-01-07T09:00:00Z", "updated_at": news.at.to_string(),
            "custom_attributes": [custom("Shirt size", "M"), custom("Position", news.title)],
            "employments": [{"id": format!("9{}", personio_id(news.of))}]})
    })
}

#[tokio::test]
async fn personio_by_ids() {
    let teller = Teller {
        vendor: Vendor::Personio,
        keys:
            "user = { email = 'email' }\n[webhooks.record]\nurl = 'https://hr.test/v2/persons/{id}'\nper_second = 40\n\
               filter = '{attributes: {id: .id, email: .email, status: .status, \
               position: [.custom_attributes[] | select(.label == \"Position\") | .value]}}'"
                .to_owned(),
        title: "position",
        id: personio_id,
        told: personio,
        record: personio_record,
    };
    Stage::open(teller).await.whole_story().await;
}
