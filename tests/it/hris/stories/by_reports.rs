//! Workday: reports, pushed or as files.

use axum::http::Method;
use serde_json::{Value, json};

use super::{ANA, BO, JobDelta, Stage, Teller, What};
use crate::hris::senders::Vendor;

/// A report as a service (`RaaS`) in JSON: values are texts, and empty columns are left out.
fn report(news: &JobDelta) -> Vec<Value> {
    let mut row = json!({"Worker": "Ana Example", "Employee_ID": news.employee_id(), "Email_-_Primary_Work": news.email(),
        "Job_Title": news.title, "Worker_Status": news.status("Active", "Terminated"), "Hire_Date": "2020-01-07"});
    if !news.works() {
        row["Termination_Date"] = json!(news.at.strftime("%Y-%m-%d").to_string());
    }
    vec![json!({"Report_Entry": [row]})]
}

/// A report says how somebody is when it is run. It has neither a date of what changed nor an id of the delivery: one that is
/// pushed late or once more cannot be told from a new one, so nothing comes in another order here, and what comes twice is
/// carried out twice and changes nothing. Nobody is deleted but by missing from a report of everybody.
#[tokio::test]
async fn workday_by_reports() {
    let teller = Teller {
        vendor: Vendor::Workday,
        keys: "user = { employee_id = 'Employee_ID' }\n\
               leaver = { any = [{ attr = 'Worker_Status', in = ['Terminated', 'On Leave'] }] }"
            .to_owned(),
        title: "Job_Title",
        id: |of| of.to_string(),
        told: report,
        record: |_| None,
    };
    let stage = Stage::open(teller).await;
    stage.career().await;
    stage.tell(&stage.news(ANA, What::Returned, "Agent", 20)).await;
    stage.has(Some("Agent"), "told twice");
    // The nightly report of all columns, in another order than the pushes have them, without Ana.
    let bo = stage.news(BO, What::Hired, "Agent", 40);
    let csv = format!(
        "Employee_ID,Worker,Job_Title,Worker_Status,Termination_Date\n{},\"Example, Bo\",{},Active,\n",
        bo.employee_id(),
        bo.title
    );
    let import = async |query: &str| {
        let path = format!("/v1/imports/workday?{query}");
        let request = stage.client.request(Method::POST, &path).header("content-type", "text/csv");
        stage.send(request, csv.clone()).await
    };
    for (query, title) in [("scope=delta", Some("Agent")), ("scope=full", None), ("scope=full", None)] {
        let answer = import(query).await;
        assert_eq!(answer.status(), 202, "{answer:?}");
        stage.settle().await;
        stage.has(title, query);
    }
    stage.close().await;
}
