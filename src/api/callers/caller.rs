//! Who sent a request, and what they may do.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock, OnceLock};

use axum::http::HeaderMap;
use ipnet::IpNet;
use jiff::Timestamp;

use crate::api::shapes::problem::Problem;
use crate::api::shapes::vocabulary::{SyncMode, SyncTarget};
use crate::domain::audit::{Actor, Asker};
use crate::domain::job::JobSpec;
use crate::domain::{Mode, Target};
use crate::engine::JobSnapshot;
use crate::hris::Source;

/// What a caller may do; each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reading.
    Read,
    /// Submitting, cancelling and repeating jobs as well.
    Submit,
    /// Everything, also releasing what a safety threshold holds back.
    Admin,
}

/// What a key is bound to; what is not said is not bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    pub targets: Option<Vec<Target>>,
    pub modes: Option<Vec<Mode>>,
    /// Sources whose exports it may send; it may submit nothing else then.
    pub sources: Option<Vec<Arc<str>>>,
}

/// A key as it is configured: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub name: Arc<str>,
    pub sha256: [u8; 32],
    pub role: Role,
    pub bounds: Bounds,
    /// It is not a key any more from then on.
    pub expires: Option<Timestamp>,
}

impl ApiKey {
    /// A key that is bound to nothing and does not expire.
    pub fn new(name: &str, sha256: [u8; 32], role: Role) -> Self {
        Self { name: name.into(), sha256, role, bounds: Bounds::default(), expires: None }
    }
}

/// Who sent a request, as its extension.
#[derive(Debug, Clone)]
pub(in crate::api) struct Caller {
    /// None without keys.
    pub(in crate::api) key: Option<Arc<ApiKey>>,
    pub(in crate::api) address: Option<IpAddr>,
    pub(in crate::api) request_id: Option<Arc<str>>,
}

impl Caller {
    pub(in crate::api) fn role(&self) -> Role {
        self.key.as_ref().map_or(Role::Admin, |key| key.role)
    }

    /// The name of its key; empty without keys.
    pub(in crate::api) fn name(&self) -> &Arc<str> {
        static NOBODY: LazyLock<Arc<str>> = LazyLock::new(|| "".into());
        self.key.as_ref().map_or_else(|| &*NOBODY, |key| &key.name)
    }

    /// As the audit record has them.
    pub(in crate::api) fn asker(&self) -> Asker {
        let actor = self.key.as_ref().map_or(Actor::Keyless, |key| Actor::Key(Arc::clone(&key.name)));
        Asker { actor, address: self.address, request_id: self.request_id.clone() }
    }

    /// Whether the caller may do what takes a role.
    pub(in crate::api) fn needs(&self, role: Role) -> Result<(), Problem> {
        if self.role() >= role {
            return Ok(());
        }
        Err(Problem::forbidden(match role {
            Role::Read | Role::Submit => "this key may only read; ask for one with the role submit",
            Role::Admin => "only a key with the role admin may do that",
        }))
    }

    /// Whether the caller may submit such a job.
    pub(in crate::api) fn may_submit(&self, spec: &JobSpec) -> Result<(), Problem> {
        let Some(bounds) = self.bounds() else { return Ok(()) };
        if let Some(sources) = &bounds.sources {
            let sources = sources.join(", ");
            return Err(Problem::forbidden(format!("this key may only import exports of {sources}")));
        }
        bounds.permit(spec.target, spec.mode)
    }

    /// Whether the caller may send an export of this source.
    pub(in crate::api) fn may_import(&self, source: &Source) -> Result<(), Problem> {
        let Some(bounds) = self.bounds() else { return Ok(()) };
        if bounds.sources.as_ref().is_some_and(|sources| !sources.contains(&source.name)) {
            return Err(Problem::forbidden("this key may not send exports of this source"));
        }
        bounds.permit(source.target, source.mode)
    }

    /// Whether the caller may cancel, retry or apply this job. A key that is bound to sources may do so with jobs of its own
    /// and with what its sources deliver.
    pub(in crate::api) fn may_change(&self, job: &JobSnapshot) -> Result<(), Problem> {
        let Some(bounds) = self.bounds() else { return Ok(()) };
        if let Some(sources) = &bounds.sources {
            let is_theirs = match &job.submitted_by {
                Some(Actor::Key(name)) => name == self.name(),
                Some(Actor::Source(name)) => sources.contains(name),
                Some(Actor::Keyless | Actor::Operator) | None => false,
            };
            if !is_theirs {
                return Err(Problem::forbidden("this key may only change jobs of its own and of its sources"));
            }
        }
        bounds.permit(job.spec.target, job.spec.mode)
    }

    fn bounds(&self) -> Option<&Bounds> {
        self.key.as_ref().map(|key| &key.bounds)
    }
}

impl Bounds {
    fn permit(&self, target: Target, mode: Mode) -> Result<(), Problem> {
        if self.targets.as_ref().is_some_and(|targets| !targets.contains(&target)) {
            return Err(Problem::forbidden(format!("this key may not change {}", SyncTarget::from(target).word())));
        }
        if self.modes.as_ref().is_some_and(|modes| !modes.contains(&mode)) {
            return Err(Problem::forbidden(format!(
                "this key may not submit jobs of the mode {}",
                SyncMode::from(mode).word()
            )));
        }
        Ok(())
    }
}

/// Where the caller of a request is told to the layers outside of the one that finds out, as its extension.
#[derive(Debug, Clone, Default)]
pub(in crate::api) struct CallerSlot(Arc<OnceLock<Caller>>);

impl CallerSlot {
    pub(in crate::api) fn put(&self, caller: Caller) {
        // A request is admitted once.
        let _ = self.0.set(caller);
    }

    pub(in crate::api) fn get(&self) -> Option<&Caller> {
        self.0.get()
    }
}

/// The address of a caller: of the peer, or where that is a proxy of ours, the one that it names. Each proxy adds to the end
/// of `X-Forwarded-For`, so what stands before the last address that is none of ours may be made up.
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

/// An address as proxies write it: some add the port, or put IPv6 into brackets.
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
