//! Senders that post what a person is now.

use serde_json::{Value, json};

use super::{JobDelta, Stage, Teller, What};
use crate::hris::senders::Vendor;

fn nowhere(of: usize) -> String {
    of.to_string()
}

fn no_record(_: &JobDelta) -> Option<Value> {
    None
}

/// BambooHR, "Field-Based Webhooks": no fields of who was created or deleted, and a time of each employee.
fn bamboo(news: &JobDelta) -> Vec<Value> {
    let date = news.at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string();
    let employee = |action: &str, changed: &[&str], fields: Value| {
        let employee = json!({"action": action, "changedFields": changed, "fields": fields,
            "id": (12_340 + news.of).to_string(), "timestamp": date});
        json!({"employees": [employee]})
    };
    let fields = json!({"Employee #": news.employee_id(), "First Name": "Bryony", "Job Title": news.title,
        "Status": news.status("Active", "Inactive")});
    match news.what {
        What::Hired => vec![
            employee("Created", &[], json!([])),
            employee("Updated", &["Employee #", "First Name", "Job Title", "Status"], fields),
        ],
        What::Retitled => vec![employee("Updated", &["Job Title"], fields)],
        What::Left | What::Returned => vec![employee("Updated", &["Status"], fields)],
        What::Deleted => vec![employee("Deleted", &[], json!([]))],
    }
}

/// The same as a webhook tells it that has been there for long, "Global Webhooks": the field in an object, and no time but of
/// who is deleted.
fn older_bamboo(news: &JobDelta) -> Vec<Value> {
    let mut deliveries = bamboo(news);
    for employee in deliveries.iter_mut().filter_map(|delivery| delivery.pointer_mut("/employees/0")) {
        if employee["action"] != "Deleted" {
            employee.as_object_mut().unwrap().remove("timestamp");
        }
        for field in employee["fields"].as_object_mut().into_iter().flat_map(|fields| fields.values_mut()) {
            *field = json!({"value": field.take()});
        }
    }
    deliveries
}

fn bamboo_teller(told: fn(&JobDelta) -> Vec<Value>) -> Teller {
    Teller {
        vendor: Vendor::BambooHrFields,
        keys: "user = { employee_id = 'Employee #' }\nrequired = ['Job Title']".to_owned(),
        title: "Job Title",
        id: nowhere,
        told,
        record: no_record,
    }
}

#[tokio::test]
async fn bamboo_hr_by_fields() {
    Stage::open(bamboo_teller(bamboo)).await.whole_story().await;
}

/// Without times nothing tells a late delivery from news but the signature, which is made when it is sent: nothing is told
/// in another order here. The deletion of hours ago has a time, and is later than all of that.
#[tokio::test]
async fn bamboo_hr_by_fields_without_times() {
    let stage = Stage::open(bamboo_teller(older_bamboo)).await;
    stage.career().await;
    stage.twice().await;
    stage.has(Some("Agent"), "told twice");
    stage.deletion().await;
    stage.twice().await;
    stage.close().await;
}

/// Merge, "Employee.changed" and its like with the common model. What it has no field for, like the title that the vendor
/// behind it has, comes in `field_mappings`.
fn merge(news: &JobDelta) -> Vec<Value> {
    let is_deleted = news.what == What::Deleted;
    let event = match news.what {
        What::Hired => "Employee.added",
        What::Retitled | What::Left | What::Returned => "Employee.changed",
        What::Deleted => "Employee.removed",
    };
    let date = news.at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    let email = Some(news.email()).filter(|_| !is_deleted);
    vec![json!({
        "hook": {"id": "cb1fe0a7-c2a1-4bd6-8cf5-57e70c7f1d53", "event": event, "target": "https://skillsync.example.com/v1/webhooks/merge"},
        "linked_account": {"id": "fd38b6ae-7f9f-4d36-8a3e-3c7cd2e4e7a2", "integration": "BambooHR", "integration_slug": "bamboohr",
            "category": "hris", "end_user_origin_id": "org-1", "end_user_organization_name": "Example", "status": "COMPLETE",
            "webhook_listener_url": "https://api.merge.dev/api/integrations/webhook-listener/x", "is_duplicate": false},
        "data": {"id": format!("0958cbc6-6040-430a-848e-aafacbadf4a{}", news.of), "remote_id": "19202938",
            "created_at": "2021-09-15T00:00:00Z", "modified_at": date, "employee_number": news.of.to_string(), "company": null,
            "first_name": "Dirna", "last_name": "Emanuel", "display_full_name": "Dirna Emanuel", "username": "dirna",
            "groups": ["21a54124-397f-494d-985e-3c5b330b8a68"], "work_email": email, "personal_email": null,
            "mobile_phone_number": null, "employments": ["17a54124-287f-494d-965e-3c5b330c9a68"], "home_location": null,
            "work_location": null, "manager": null, "team": null, "pay_group": null, "ssn": null, "gender": null,
            "date_of_birth": null, "hire_date": null, "start_date": "2020-10-11T00:00:00Z", "remote_created_at": null,
            "employment_status": news.status("ACTIVE", "INACTIVE"), "termination_date": null, "avatar": null,
            "custom_fields": null, "remote_was_deleted": is_deleted, "remote_data": null,
            "field_mappings": {"organization_defined_targets": {"job_title": news.title}, "linked_account_defined_targets": {}}}
    })]
}

#[tokio::test]
async fn merge_with_the_record() {
    let teller = Teller {
        vendor: Vendor::Merge,
        keys: "user = { email = 'work_email' }".to_owned(),
        title: "field_mappings.organization_defined_targets.job_title",
        id: nowhere,
        told: merge,
        record: no_record,
    };
    Stage::open(teller).await.whole_story().await;
}

/// Standard Webhooks, "Payload structure": a type, the time of the event, and whatever the sender has to say.
fn standard(news: &JobDelta) -> Vec<Value> {
    let kind = match news.what {
        What::Hired => "employee.created",
        What::Retitled | What::Returned => "employee.updated",
        What::Left => "employee.left",
        What::Deleted => "employee.deleted",
    };
    vec![json!({"type": kind, "timestamp": news.at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        "data": {"id": format!("emp_{}", news.of), "number": news.employee_id(), "name": "Ana Example", "title": news.title}})]
}

fn standard_teller(date: &str) -> Teller {
    Teller {
        vendor: Vendor::StandardWebhooks,
        keys: format!(
            "filter = '''select(.type | startswith(\"employee.\")) | {{employeeId: .data.number, {date} attributes: .data, \
             leaver: (.type == \"employee.left\" or .type == \"employee.deleted\")}}'''"
        ),
        title: "title",
        id: nowhere,
        told: standard,
        record: no_record,
    }
}

#[tokio::test]
async fn standard_webhooks_with_dates() {
    Stage::open(standard_teller("occurredAt: .timestamp,")).await.whole_story().await;
}

/// The time of the signature is that of the attempt, which is made anew, and the id names the delivery only: where the payload
/// has no date there is no order but that of coming, so nothing is told late.
#[tokio::test]
async fn standard_webhooks_without_dates() {
    let stage = Stage::open(standard_teller("")).await;
    stage.career().await;
    stage.twice().await;
    stage.has(Some("Agent"), "told twice");
    stage.deletion().await;
    stage.twice().await;
    stage.has(None, "told twice that they were deleted");
    stage.close().await;
}
