//! The org of the demo: the employees of the roster, in the state before the latest export from the HR system.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use uuid::Uuid;

use super::DemoPace;
use genesys_simulator::{
    Behaviour, Blocked, Busy, CatalogueEntry, Conflicts, Explicit, ForeignWriter, Latency, Limits, Population,
    RateLimit, ReadLag, Scenario, Share, SimUser, UserState,
};

/// The export from the HR system.
const ROSTER: &str = include_str!("../../../examples/roster-500.csv");

/// Number of users who cannot be changed.
pub(super) const BLOCKED: usize = 3;

/// One row of the roster.
pub(super) struct OrgRow {
    reference: &'static str,
    employee_id: &'static str,
    groups: Vec<&'static str>,
}

/// Returns the rows of the roster.
pub(super) fn roster() -> Result<Vec<OrgRow>> {
    let rows = ROSTER.lines().skip(1).map(|line| {
        let mut cells = line.split(',');
        let (Some(reference), Some(employee_id), Some(groups)) = (cells.next(), cells.next(), cells.next()) else {
            return None;
        };
        Some(OrgRow { reference, employee_id, groups: groups.split(';').collect() })
    });
    rows.collect::<Option<_>>().context("the roster has a row with too few cells")
}

/// Returns the job to submit.
pub(super) fn job(rows: &[OrgRow]) -> Value {
    let entries: Vec<_> = rows
        .iter()
        .map(|row| {
            let assignments: Vec<_> = row.groups.iter().map(|group| json!({ "name": group })).collect();
            json!({ "ref": row.reference, "user": { "employeeId": row.employee_id }, "assignments": assignments })
        })
        .collect();
    json!({ "target": "wfmSkillGroups", "mode": "managed", "label": "nightly", "entries": entries })
}

/// Returns the org before the job: every user lacks the last listed group, except one in 25, who is up to date.
pub(super) fn scenario(rows: &[OrgRow], pace: &DemoPace, seed: u64) -> Scenario {
    let mut groups = BTreeMap::new();
    for group in rows.iter().flat_map(|row| &row.groups) {
        let id = Uuid::from_u128(0x6720_0000_0000_4000_8000_0000_0000_0000 + groups.len() as u128);
        groups.entry(*group).or_insert(id);
    }
    let users = rows.iter().enumerate().map(|(number, row)| {
        let has = if number % 25 == 24 { row.groups.len() } else { row.groups.len() - 1 };
        SimUser {
            id: Uuid::from_u128(0x7573_0000_0000_4000_8000_0000_0000_0000 + number as u128),
            name: format!("Employee {}", row.employee_id),
            email: format!("{}@example.com", row.employee_id.to_lowercase()),
            employee_id: Some(row.employee_id.to_owned()),
            external_ids: Vec::new(),
            state: UserState::Active,
            skills: Vec::new(),
            languages: Vec::new(),
            groups: row.groups.iter().take(has).filter_map(|group| groups.get(group).copied()).collect(),
        }
    });
    let population = Explicit {
        users: users.collect(),
        groups: groups.iter().map(|(name, id)| CatalogueEntry { id: *id, name: (*name).to_owned() }).collect(),
        ..Explicit::default()
    };
    Scenario {
        seed,
        population: Population::Explicit(population),
        limits: Limits {
            windows: pace.windows.iter().map(|&(calls, per)| RateLimit { calls, per }).collect(),
            ..Limits::default()
        },
        behaviour: behaviour(pace),
        ..Scenario::default()
    }
}

/// Returns a behaviour with conflicts on about 15 % of the writes, from four causes.
fn behaviour(pace: &DemoPace) -> Behaviour {
    Behaviour {
        latency: Latency { fixed: Duration::from_millis(20), spread: Duration::from_millis(20) },
        conflicts: Conflicts {
            foreign_writer: ForeignWriter { share: Share::Users(40), ..ForeignWriter::default() },
            read_lag: ReadLag { share: Share::Users(10), lag: pace.lag, ..ReadLag::default() },
            busy: Busy { share: Share::Users(10), lasts: pace.busy },
            blocked: Blocked { share: Share::Users(BLOCKED), ..Blocked::default() },
            ..Conflicts::default()
        },
        ..Behaviour::default()
    }
}
