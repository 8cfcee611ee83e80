//! The caller of a request, and what the caller may do.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock, OnceLock};

use axum::http::HeaderMap;
use ipnet::IpNet;
use jiff::Timestamp;

use crate::api::shapes::problem::Problem;
use crate::api::shapes::vocabulary::{SyncMode, SyncTarget};
use crate::domain::audit::{Actor, Asker};
use crate::domain::job::JobSpec;
use crate::domain::{Mode, Owner, Target};
use crate::engine::JobSnapshot;
use crate::hris::Source;

/// The role of an API key; each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May read.
    Read,
    /// May also submit, cancel, retry and apply jobs.
    Submit,
    /// May do everything, including the release of held jobs.
    Admin,
}

/// Restrictions of an API key; `None` means unrestricted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The targets to which jobs may assign.
    pub targets: Option<Vec<Target>>,
    /// The modes that jobs may have.
    pub modes: Option<Vec<Mode>>,
    /// The sources whose exports the key may import. A key with this restriction may not submit jobs otherwise.
    pub sources: Option<Vec<Arc<str>>>,
    /// The owners that jobs may have; the first one is that of jobs that name none.
    pub owners: Option<Vec<Owner>>,
}

/// A configured API key, identified by its SHA-256 digest; the key itself is never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The name of the key, as shown in logs and audit records.
    pub name: Arc<str>,
    /// The SHA-256 digest of the key.
    pub sha256: [u8; 32],
    pub role: Role,
    pub bounds: Bounds,
    /// When the key expires.
    pub expires: Option<Timestamp>,
}

impl ApiKey {
    /// Returns a key without restrictions that does not expire.
    pub fn new(name: &str, sha256: [u8; 32], role: Role) -> Self {
        Self { name: name.into(), sha256, role, bounds: Bounds::default(), expires: None }
    }
}

/// The sender of a request, attached to it as an extension.
#[derive(Debug, Clone)]
pub(in crate::api) struct Caller {
    /// `None` if the service has no API keys.
    pub(in crate::api) key: Option<Arc<ApiKey>>,
    pub(in crate::api) address: Option<IpAddr>,
    pub(in crate::api) request_id: Option<Arc<str>>,
}

impl Caller {
    /// Returns the role of the caller's key; `Admin` if the service has no API keys.
    pub(in crate::api) fn role(&self) -> Role {
        self.key.as_ref().map_or(Role::Admin, |key| key.role)
    }

    /// Returns the name of the caller's key, or an empty string if the service has no API keys.
    pub(in crate::api) fn name(&self) -> &Arc<str> {
        static NOBODY: LazyLock<Arc<str>> = LazyLock::new(|| "".into());
        self.key.as_ref().map_or_else(|| &*NOBODY, |key| &key.name)
    }

    /// Returns the caller as stored in audit records.
    pub(in crate::api) fn asker(&self) -> Asker {
        let actor = self.key.as_ref().map_or(Actor::Keyless, |key| Actor::Key(Arc::clone(&key.name)));
        Asker { actor, address: self.address, request_id: self.request_id.clone() }
    }

    /// Returns an error unless the caller has at least this role.
    pub(in crate::api) fn needs(&self, role: Role) -> Result<(), Problem> {
        if self.role() >= role {
            return Ok(());
        }
        Err(Problem::forbidden(match role {
            Role::Read | Role::Submit => "this API key may only read; this requires an API key with the role submit",
            Role::Admin => "this requires an API key with the role admin",
        }))
    }

    /// Returns an error unless the caller may submit a job like this.
    pub(in crate::api) fn may_submit(&self, spec: &JobSpec) -> Result<(), Problem> {
        let Some(bounds) = self.bounds() else { return Ok(()) };
        if let Some(sources) = &bounds.sources {
            let sources = sources.join(", ");
            return Err(Problem::forbidden(format!("this API key may only import exports of {sources}")));
        }
        bounds.permit(spec.target, spec.mode, spec.owner.as_ref())
    }

    /// Returns an error unless the caller may import exports of this source.
    pub(in crate::api) fn may_import(&self, source: &Source) -> Result<(), Problem> {
        let Some(bounds) = self.bounds() else { return Ok(()) };
        if bounds.sources.as_ref().is_some_and(|sources| !sources.contains(&source.name)) {
            return Err(Problem::forbidden("this API key may not import exports of this source"));
        }
        bounds.permit(source.target, source.mode, Some(&source.owner))
    }

    /// Returns an error unless the caller may cancel, retry or apply this job. A key restricted to sources may do so
    /// with its own jobs and with jobs from deliveries of these sources.
    pub(in crate::api) fn may_change(&self, job: &JobSnapshot) -> Result<(), Problem> {
        let Some(bounds) = self.bounds() else { return Ok(()) };
        if let Some(sources) = &bounds.sources {
            let is_theirs = match &job.submitted_by {
                Some(Actor::Key(name)) => name == self.name(),
                Some(Actor::Source(name)) => sources.contains(name),
                Some(Actor::Keyless | Actor::Operator) | None => false,
            };
            if !is_theirs {
                return Err(Problem::forbidden("this API key may only change its own jobs and those of its sources"));
            }
        }
        bounds.permit(job.spec.target, job.spec.mode, job.spec.owner.as_ref())
    }

    /// Returns the owner of the caller's jobs that name none.
    pub(in crate::api) fn owner(&self) -> Owner {
        let bound_to = self.bounds().and_then(|bounds| bounds.owners.as_ref()?.first());
        bound_to.cloned().unwrap_or_else(Owner::of_no_name)
    }

    fn bounds(&self) -> Option<&Bounds> {
        self.key.as_ref().map(|key| &key.bounds)
    }
}

impl Bounds {
    fn permit(&self, target: Target, mode: Mode, owner: Option<&Owner>) -> Result<(), Problem> {
        if self.targets.as_ref().is_some_and(|targets| !targets.contains(&target)) {
            return Err(Problem::forbidden(format!("this API key may not change {}", SyncTarget::from(target).word())));
        }
        if self.modes.as_ref().is_some_and(|modes| !modes.contains(&mode)) {
            return Err(Problem::forbidden(format!(
                "this API key may not submit jobs with the mode {}",
                SyncMode::from(mode).word()
            )));
        }
        let is_other = |owners: &Vec<Owner>| owner.is_none_or(|owner| !owners.contains(owner));
        if self.owners.as_ref().is_some_and(is_other) {
            let owner = owner.map_or_else(String::new, |owner| format!(" {owner}"));
            return Err(Problem::forbidden(format!("this API key may not change what the owner{owner} assigns")));
        }
        Ok(())
    }
}

/// A slot, attached to a request as an extension, through which the access layer reports the caller to the layers
/// outside it.
#[derive(Debug, Clone, Default)]
pub(in crate::api) struct CallerSlot(Arc<OnceLock<Caller>>);

impl CallerSlot {
    /// Reports the caller.
    pub(in crate::api) fn put(&self, caller: Caller) {
        // The slot is never full: a request is admitted only once.
        let _ = self.0.set(caller);
    }

    /// Returns the caller, or `None` if none was admitted.
    pub(in crate::api) fn get(&self) -> Option<&Caller> {
        self.0.get()
    }
}

/// Returns the address of a caller: that of the peer or, if the peer is a trusted proxy, the one it names. Each proxy
/// appends to `X-Forwarded-For`, so everything before the last address that is no trusted proxy may be forged.
pub(in crate::api) fn address_of(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let is_ours = |address: &IpAddr| proxies.iter().any(|net| net.contains(address));
    let named = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let named: Vec<_> = named.flat_map(|value| value.split(',')).map(written_address).collect();
    let mut address = peer.to_canonical();
    for next in named.into_iter().rev() {
        match next {
            Some(next) if is_ours(&address) => address = next.to_canonical(),
            Some(_) | None => break,
        }
    }
    address
}

/// Parses an address as proxies write it: some add the port, or put IPv6 addresses in brackets.
fn written_address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_proxies_say_where_a_request_came_from() {
        let proxies = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        for (peer, forwarded, address) in [
            ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
            ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
            ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
            ("10.0.0.1", "203.0.113.9, 10.1.1.1", "203.0.113.9"),
            ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
            ("::1", "198.51.100.7, garbage", "::1"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
            ("10.0.0.1", "\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ] {
            let headers = [("x-forwarded-for".parse().unwrap(), forwarded.parse().unwrap())].into_iter().collect();
            assert_eq!(address_of(peer.parse().unwrap(), &headers, &proxies).to_string(), address, "{forwarded}");
        }
    }
}
