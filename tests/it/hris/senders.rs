//! The vendors as they send: how each signs, what it tells, and how it repeats what it believes to be lost.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use ring::hmac;
use serde_json::json;

use super::{Answer, BAMBOO_SECRET, Office, bamboo_headers, by_title, hex};

const KEY: &str = "a key of thirty-two bytes or so.";
const PATH_SECRET: &str = "3f1c0e3b8f5d4e0f9a7d6c5b4a392817";

/// A sender, by what it is called in the paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vendor {
    StandardWebhooks,
    BambooHrFields,
    BambooHrEvents,
    HiBob,
    Merge,
    Finch,
    Personio,
    Workday,
    Generic,
}

/// Something that changed about a person, at the second at which it did.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) n: usize,
    pub(super) title: String,
    pub(super) changed_at: i64,
    /// Seconds by which the sender's clock is ahead.
    pub(super) clock: i64,
}

impl Vendor {
    pub(super) const ALL: [Self; 9] = [
        Self::StandardWebhooks,
        Self::BambooHrFields,
        Self::BambooHrEvents,
        Self::HiBob,
        Self::Merge,
        Self::Finch,
        Self::Personio,
        Self::Workday,
        Self::Generic,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::StandardWebhooks => "standard",
            Self::BambooHrFields => "bamboo-fields",
            Self::BambooHrEvents => "bamboo-events",
            Self::HiBob => "hibob",
            Self::Merge => "merge",
            Self::Finch => "finch",
            Self::Personio => "personio",
            Self::Workday => "workday",
            Self::Generic => "generic",
        }
    }

    /// Whether it only says who has changed.
    pub(super) fn is_thin(self) -> bool {
        matches!(self, Self::BambooHrEvents | Self::HiBob | Self::Finch | Self::Personio)
    }

    /// Whether its order can be restored: by a date in what it sends, or because the record is read anyway.
    pub(super) fn may_be_late(self) -> bool {
        !matches!(self, Self::StandardWebhooks | Self::Workday | Self::Generic)
    }

    /// Whether what it tells has dates by its own clock that decide.
    pub(super) fn is_ordered_by_its_dates(self) -> bool {
        matches!(self, Self::BambooHrFields | Self::Merge)
    }

    /// Seconds after which it repeats a delivery whose answer it has not seen.
    pub(super) fn repeats_after(self) -> Option<i64> {
        match self {
            Self::StandardWebhooks | Self::Generic => Some(5),
            Self::Finch | Self::HiBob | Self::Personio | Self::Merge => Some(60),
            Self::BambooHrFields | Self::BambooHrEvents => Some(300),
            // A push that fails is told to somebody; the next one holds the same.
            Self::Workday => None,
        }
    }

    /// Its preset, and the secret that it has.
    pub(super) fn preset(self) -> (&'static str, String) {
        match self {
            Self::StandardWebhooks => ("standardWebhooks", format!("whsec_{}", STANDARD.encode(KEY))),
            Self::BambooHrFields | Self::BambooHrEvents => ("bamboohr", BAMBOO_SECRET.to_owned()),
            Self::HiBob => ("hibob", KEY.to_owned()),
            Self::Merge => ("merge", KEY.to_owned()),
            Self::Finch => ("finch", STANDARD.encode(KEY)),
            Self::Personio => ("personio", PATH_SECRET.to_owned()),
            Self::Workday => ("workday", PATH_SECRET.to_owned()),
            Self::Generic => ("generic", KEY.to_owned()),
        }
    }

    /// Where it delivers.
    pub(super) fn path(self) -> String {
        let secret =
            if matches!(self, Self::Personio | Self::Workday) { format!("/{PATH_SECRET}") } else { String::new() };
        format!("/v1/webhooks/{}{secret}", self.name())
    }

    /// Its part of the configuration, with the titles `Group 1` to `Group 30` as groups.
    pub(super) fn source(self) -> String {
        let (preset, secret) = self.preset();
        let more = match self {
            _ if self.is_thin() => {
                "record = { url = 'https://hr.test/{id}', authorization = 'Bearer t', per_second = 20 }"
            }
            Self::Generic => {
                "signature = { header = 'X-Signature', prefix = 'sha256=' }\ndedupe = { header = 'X-Delivery' }"
            }
            Self::StandardWebhooks
            | Self::BambooHrFields
            | Self::BambooHrEvents
            | Self::HiBob
            | Self::Merge
            | Self::Finch
            | Self::Personio
            | Self::Workday => "",
        };
        by_title(self.name(), more)
            .replace("preset = 'bamboohr'", &format!("preset = '{preset}'"))
            .replace(BAMBOO_SECRET, &secret)
    }

    /// Delivers at a second: what is signed anew is signed for that.
    pub(super) async fn deliver(self, office: &Office, event: &Event, now: i64) -> Answer {
        let body = self.body(event);
        // BambooHR does not stamp anew: its time stands for the date of what it tells, and may be off by hours. Others are let in
        // up to five minutes off.
        let signed_at = match self {
            Self::BambooHrFields | Self::BambooHrEvents => event.changed_at + event.clock,
            Self::StandardWebhooks | Self::Finch => now + event.clock.clamp(-240, 240),
            Self::HiBob | Self::Merge | Self::Personio | Self::Workday | Self::Generic => now,
        };
        let headers = self.headers(&format!("msg_{}_{}", event.n, event.changed_at), &body, signed_at);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        office.post(&self.path(), &headers, &body).await
    }

    fn body(self, event: &Event) -> String {
        let Event { n, title, changed_at, clock } = event;
        let (id, number) = (n.to_string(), format!("E{}", 1000 + n));
        let date = jiff::Timestamp::from_second(changed_at + clock).unwrap().to_string();
        let value = match self {
            Self::BambooHrFields => return super::titled(*n, title),
            Self::BambooHrEvents => {
                json!({"type": "employee.updated", "timestamp": date, "data": {"companyId": "1", "employeeId": id}})
            }
            Self::HiBob => {
                json!({"type": "employee.updated", "triggeredAt": date.trim_end_matches('Z'), "version": "v2",
                "data": {"employeeId": id, "fieldUpdates": [{"id": "work.title"}]}})
            }
            Self::Merge => json!({"hook": {"id": "h", "event": "Employee.changed"},
                "data": {"id": id, "employeeNumber": number, "jobTitle": title, "modified_at": date}}),
            Self::Finch => {
                json!({"company_id": "c", "event_type": "individual.updated", "data": {"individual_id": id}})
            }
            Self::Personio => {
                json!({"event_name": "person.updated", "occurred_at": date, "payload": {"person_id": id}})
            }
            Self::Workday => json!({"Report_Entry": [{"employeeNumber": number, "jobTitle": title}]}),
            Self::StandardWebhooks | Self::Generic => json!({"employeeNumber": number, "jobTitle": title}),
        };
        value.to_string()
    }

    /// What it sends beside a body, signed at a second; `delivery` is what it calls this one, if it does.
    pub(super) fn headers(self, delivery: &str, body: &str, signed_at: i64) -> Vec<(&'static str, String)> {
        let (delivery, stamp) = (delivery.to_owned(), signed_at.to_string());
        let tag = |algorithm, signed: &str| hmac::sign(&hmac::Key::new(algorithm, KEY.as_bytes()), signed.as_bytes());
        let listed = || {
            let signed = format!("{delivery}.{stamp}.{body}");
            format!("v1,{}", STANDARD.encode(tag(hmac::HMAC_SHA256, &signed)))
        };
        match self {
            Self::BambooHrFields | Self::BambooHrEvents => bamboo_headers(body, signed_at).to_vec(),
            Self::StandardWebhooks => {
                let signature = listed();
                vec![("webhook-id", delivery), ("webhook-timestamp", stamp), ("webhook-signature", signature)]
            }
            Self::Finch => {
                let signature = listed();
                vec![("finch-event-id", delivery), ("finch-timestamp", stamp), ("finch-signature", signature)]
            }
            Self::HiBob => vec![("bob-signature", STANDARD.encode(tag(hmac::HMAC_SHA512, body)))],
            Self::Merge => vec![("x-merge-webhook-signature", URL_SAFE.encode(tag(hmac::HMAC_SHA256, body)))],
            Self::Generic => {
                let signature = format!("sha256={}", hex(hmac::HMAC_SHA256, KEY, body.as_bytes()));
                vec![("x-delivery", delivery), ("x-signature", signature)]
            }
            Self::Personio | Self::Workday => Vec::new(),
        }
    }
}
