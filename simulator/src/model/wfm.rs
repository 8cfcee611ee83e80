//! Target `wfmSkillGroups`: the partner's endpoint, versioned, with the whole set in one write.

use std::collections::HashSet;

use http::header::ETAG;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::ledger::WriteKind;
use super::super::resource::{Assignment, AssignmentSet, Origin, Target};
use super::call::Call;
use super::reply::Reply;
use super::{Model, Write};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WholeSet {
    skill_group_ids: Vec<Uuid>,
}

impl Model {
    pub(super) fn read_assignments(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let user = call.user()?;
        self.precede_contact(call.now, user, Target::WfmSkillGroups);
        let resource = self.org.living_mut(user).ok_or_else(|| Reply::not_found("user"))?;
        let shown = resource.resource_mut(Target::WfmSkillGroups).read(call.now);
        let (version, set) = (shown.version, AssignmentSet::clone(&shown.set));
        let reply = self.assignments_reply(call, user, version, &set);
        self.follow_read(call.now, user, Target::WfmSkillGroups);
        Ok(reply)
    }

    pub(super) fn write_assignments(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let user = call.user()?;
        self.org.living_mut(user).ok_or_else(|| Reply::not_found("user"))?;
        let version = self.sent_version(call)?;
        let set = self.whole_set(call)?;
        self.precede_contact(call.now, user, Target::WfmSkillGroups);
        self.check_version(call, user, version)?;
        let reply = self.assignments_reply(call, user, version + 1, &set);
        self.write(Write {
            at: call.now,
            user,
            target: Target::WfmSkillGroups,
            set,
            origin: Origin::Client,
            kind: WriteKind::Replace,
            request: Some(call.number),
            lag: self.own_lag(user),
        });
        Ok(reply)
    }

    /// Returns the version that the client believes to be current, quoted or not.
    fn sent_version(&mut self, call: &Call<'_>) -> Result<u64, Reply> {
        let Some(header) = call.header(&self.wfm.version_header) else {
            let message = format!("The header {} is required.", self.wfm.version_header);
            return Err(Reply::error(StatusCode::PRECONDITION_REQUIRED, "precondition.required", &message));
        };
        let bare = header.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(header);
        let sent = bare.parse().map_err(|_| Reply::invalid("The version is not a number."))?;
        if let Some(record) = self.ledger.request_mut(call.number) {
            record.sent_version = Some(sent);
        }
        Ok(sent)
    }

    fn whole_set(&self, call: &Call<'_>) -> Result<AssignmentSet, Reply> {
        let WholeSet { skill_group_ids } = call.json()?;
        if let Some(unknown) = skill_group_ids.iter().find(|id| !self.org.groups.has(**id)) {
            return Err(Reply::invalid(&format!("The skill group {unknown} does not exist.")));
        }
        let mut seen = HashSet::new();
        Ok(skill_group_ids.into_iter().filter(|id| seen.insert(*id)).map(Assignment::group).collect())
    }

    fn assignments_reply(&self, call: &Call<'_>, user: Uuid, version: u64, set: &AssignmentSet) -> Reply {
        let groups: Vec<Value> =
            set.iter().map(|group| json!({ "id": group.id, "name": self.org.groups.name(group.id) })).collect();
        let document = json!({ "userId": user, "version": version, "skillGroups": groups, "selfUri": call.path() });
        let reply = Reply::ok(document);
        match HeaderValue::from_str(&format!("\"{version}\"")) {
            Ok(tag) => reply.with_header(ETAG, tag),
            Err(_) => reply,
        }
    }
}
