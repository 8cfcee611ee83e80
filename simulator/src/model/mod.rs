//! The state and behaviour of the simulated org: synchronous and without I/O, with `now` as a parameter.
//!
//! Both fronts take a request through the same three steps: [`Model::depart`] returns how long it travels,
//! [`Model::arrive`] applies its effect and returns the answer, [`Model::close`] records how it ended.
//! [`Model::advance`] carries out what others do in the meantime, whenever the state is observed.

mod call;
mod catalogue;
mod conflicts;
mod division;
mod fates;
mod faults;
mod foreign;
mod hostile;
mod limits;
mod operator;
mod org;
mod org_limits;
mod paging;
mod reply;
mod scim;
mod search;
mod skills;
mod tokens;
mod users;
mod wfm;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::time::Instant;
use uuid::Uuid;

use self::call::Call;
use self::fates::Fates;
pub(super) use self::faults::Trickle;
use self::faults::{Failure, Faults, Injected, Visit, latency_of};
use self::foreign::Background;
use self::org::Org;
use self::reply::Reply;
use self::tokens::Tokens;
use super::dice::Dice;
use super::ledger::{Effect, Ledger, Outcome, RequestRecord, WriteKind, Writer};
use super::resource::{AssignmentSet, Origin, Target};
use super::route::{Matched, Route, Router};
use super::scenario::{Access, Behaviour, Body, Distortion, Outage, Scenario, UserState, WfmEndpoint};

/// Maximum size of a request body that the gateway accepts, in bytes.
const MAX_BODY_BYTES: usize = 512_000;

/// The whole simulation.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) behaviour: Behaviour,
    started: Instant,
    dice: Dice,
    router: Router,
    wfm: WfmEndpoint,
    org: Org,
    /// The users who were active at the start, among whom fates are drawn.
    eligible: Vec<Uuid>,
    fates: Fates,
    faults: Faults,
    tokens: Tokens,
    background: Background,
    ledger: Ledger,
    visits: HashMap<(Route, Option<Uuid>), u64>,
    /// Skills of users that were activated again.
    activated: HashSet<(Uuid, Uuid)>,
}

/// A request in transit.
#[derive(Debug)]
pub(super) struct Voyage {
    matched: Matched,
    nth: u64,
    /// How long the request travels; `back` is how long its answer does.
    pub(super) there: Duration,
    pub(super) back: Duration,
}

/// A request that has had its effect.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Index in the ledger.
    pub(super) number: usize,
    /// The answer; `None` if the connection is closed instead.
    pub(super) answer: Option<Response<Bytes>>,
    pub(super) trickle: Option<Trickle>,
}

/// A change of one resource.
#[derive(Debug)]
struct Write {
    at: Instant,
    user: Uuid,
    target: Target,
    set: AssignmentSet,
    origin: Origin,
    kind: WriteKind,
    request: Option<usize>,
    lag: Duration,
}

impl Model {
    pub(super) fn new(scenario: Scenario, now: Instant) -> Self {
        let Scenario { seed, population, credentials, limits, wfm, behaviour } = scenario;
        let dice = Dice::new(seed);
        let org = Org::new(population.resolve(dice), dice, now);
        let active = org.users().filter(|user| user.profile.state == UserState::Active);
        let eligible: Vec<Uuid> = active.map(|user| user.profile.id).collect();
        let mut model = Self {
            started: now,
            dice,
            router: Router::new(&wfm.path),
            wfm,
            fates: Fates::draw(dice, &behaviour.conflicts, &eligible),
            eligible,
            faults: Faults::new(dice),
            tokens: Tokens::new(credentials, limits),
            background: Background::default(),
            ledger: Ledger::new(now, org.foreign_pool()),
            visits: HashMap::new(),
            activated: HashSet::new(),
            org,
            behaviour,
        };
        model.advance(now);
        model
    }

    /// Decides how long a request travels; nothing has happened yet.
    pub(super) fn depart(&mut self, now: Instant, request: &Request<Bytes>) -> Voyage {
        let matched = self.router.matched(request.method(), request.uri().path());
        let count = self.visits.entry((matched.route, matched.user())).or_default();
        let nth = *count;
        *count += 1;
        let visit = self.visit(now, &matched, nth);
        let latency = latency_of(self.dice, self.behaviour.latency, "latency", visit)
            + self.faults.delay(&self.behaviour.faults, visit);
        let half = latency / 2;
        Voyage { matched, nth, there: half, back: latency.saturating_sub(half) }
    }

    fn visit(&self, now: Instant, matched: &Matched, nth: u64) -> Visit {
        let elapsed = now.saturating_duration_since(self.started);
        Visit { route: matched.route, user: matched.user(), nth, elapsed }
    }

    /// Applies the effect of a request and answers it.
    pub(super) fn arrive(&mut self, now: Instant, voyage: &Voyage, request: &Request<Bytes>) -> Arrival {
        self.advance(now);
        let number = self.open(now, &voyage.matched, request);
        let mut call = Call::new(now, &voyage.matched, request, number);
        let injected = self.faults.inject(&self.behaviour.faults, self.visit(now, &voyage.matched, voyage.nth));
        if let Some(Distortion::Endless | Distortion::Repeating) = injected.listing {
            call.query.forget(&hostile::PLACES);
        }
        let reply = self.answer(&call, &injected);
        let correlation = self.ledger.correlation_of(number).unwrap_or_default();
        if let Some(record) = self.ledger.request_mut(number) {
            record.conflict = reply.as_ref().and_then(|reply| reply.cause);
        }
        let mut answer = reply.map(|reply| self.tokens.with_headers(&call, reply).into_response(correlation));
        for (response, (name, value)) in answer.iter_mut().zip(injected.headers) {
            response.headers_mut().insert(name, value);
        }
        Arrival { number, answer, trickle: injected.trickle }
    }

    fn open(&mut self, now: Instant, matched: &Matched, request: &Request<Bytes>) -> usize {
        let nth = u64::try_from(self.ledger.requests().len()).unwrap_or(u64::MAX);
        self.ledger.open(RequestRecord {
            arrived_at: now,
            ended_at: None,
            outcome: Outcome::Pending,
            method: request.method().clone(),
            route: matched.route,
            user: matched.user(),
            sent_version: None,
            conflict: None,
            correlation_id: self.dice.id("correlation", nth),
        })
    }

    /// Returns the answer, layer by layer from the outside: outage, token and limits, faults, endpoint.
    fn answer(&mut self, call: &Call<'_>, injected: &Injected) -> Option<Reply> {
        match (self.behaviour.outage, injected.outage) {
            (Some(Outage::Reset), _) => return None,
            (Some(Outage::Unavailable), _) | (None, true) => return Some(Reply::failure(503, Body::NotJson)),
            (None, false) => {}
        }
        if call.route() != Route::Token
            && let Err(refusal) = self.tokens.admit(call)
        {
            return Some(refusal);
        }
        if let Some(failure) = &injected.before {
            return failed(failure);
        }
        let reply = self.endpoint(call).unwrap_or_else(|refusal| refusal);
        let reply = match injected.listing {
            Some(distortion) => hostile::distorted(reply, distortion, call, self.dice),
            None => reply,
        };
        let reply = reply.paged(call.route(), &self.behaviour.paging);
        match &injected.after {
            Some(failure) => failed(failure),
            None => Some(injected.garbled.into_iter().fold(reply, Reply::garbled)),
        }
    }

    fn endpoint(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        if call.request.body().len() > MAX_BODY_BYTES {
            return Err(Reply::too_large());
        }
        self.enter(call)?;
        match call.route() {
            Route::Token => Ok(self.tokens.login(call)),
            Route::TokenRevoke => Ok(self.tokens.log_out(call)),
            Route::Users => self.list_users(call),
            Route::User => self.read_user(call),
            Route::UserByExternalId => self.find_user(call),
            Route::UserSearch => self.search_users(call),
            Route::ScimUsers => self.scim_users(call),
            Route::RoutingSkills => self.list_skills(call),
            Route::SkillCreate => self.create_skill(call),
            Route::RoutingLanguages => self.list_languages(call),
            Route::LanguageCreate => self.create_language(call),
            Route::SkillGroups => self.list_groups(call),
            Route::Org => Ok(self.tokens.org()),
            Route::OrgLimits => self.org_limits(call),
            Route::UserSkillsRead => self.read_user_skills(call, Target::RoutingSkills),
            Route::UserSkillsAdd => self.add_user_skills(call, Target::RoutingSkills),
            Route::UserSkillsReplace => self.replace_user_skills(call),
            Route::UserSkillUpdate => self.update_user_skill(call),
            Route::UserSkillRemove => self.remove_user_skill(call, Target::RoutingSkills),
            Route::UserLanguagesRead => self.read_user_skills(call, Target::RoutingLanguages),
            Route::UserLanguagesAdd => self.add_user_skills(call, Target::RoutingLanguages),
            Route::UserLanguageRemove => self.remove_user_skill(call, Target::RoutingLanguages),
            Route::WfmRead => self.read_assignments(call),
            Route::WfmWrite => self.write_assignments(call),
            Route::Unknown => {
                Err(call.matched.allowed.map_or_else(|| Reply::not_found("path"), Reply::method_not_allowed))
            }
        }
    }

    /// Refuses callers who may not use an endpoint, or may not see the user whom the path names. For SCIM and for
    /// limits, a refusal names the permissions that the SDKs of earlier versions named.
    fn enter(&self, call: &Call<'_>) -> Result<(), Reply> {
        match self.access(call.route()) {
            Access::Granted => {}
            Access::Refused if call.route() == Route::OrgLimits => {
                return Err(Reply::forbidden("limits:organization:view"));
            }
            Access::Refused => return Err(Reply::forbidden("directory:user:view")),
            Access::Absent => return Err(Reply::not_found("path")),
        }
        let lacks = |permission: &&str| self.behaviour.missing_permissions.iter().any(|missing| missing == permission);
        let sufficient = call.route().permissions();
        if let Some(first) = sufficient.first().filter(|_| sufficient.iter().all(lacks)) {
            return Err(Reply::forbidden(first));
        }
        if call.matched.user().is_some_and(|user| !self.sees(user)) {
            return Err(Reply::not_found("user"));
        }
        Ok(())
    }

    fn access(&self, route: Route) -> Access {
        if route == Route::ScimUsers {
            self.behaviour.scim
        } else if route == Route::OrgLimits {
            self.behaviour.org_limits
        } else {
            Access::Granted
        }
    }

    /// Records that the answer was delivered, or how else the request ended.
    pub(super) fn close(&mut self, now: Instant, number: usize, outcome: Outcome) {
        self.ledger.close(number, now, outcome);
    }

    /// Changes a resource and enters the change into the ledger.
    fn write(&mut self, write: Write) {
        let Some(user) = self.org.user_mut(write.user) else { return };
        let resource = user.resource_mut(write.target);
        let (version_before, before) = (resource.current().version, AssignmentSet::clone(&resource.current().set));
        resource.write(AssignmentSet::clone(&write.set), write.origin, write.at, write.lag);
        let effect = Effect {
            at: write.at,
            user: write.user,
            target: write.target,
            writer: if write.origin == Origin::Client { Writer::Client } else { Writer::Foreign },
            kind: write.kind,
            version_before,
            version_after: resource.current().version,
            before,
            after: write.set,
            request: write.request,
            correlation_id: write.request.and_then(|number| self.ledger.correlation_of(number)),
        };
        self.ledger.enter(effect);
    }

    /// Applies a changed behaviour.
    pub(super) fn refresh(&mut self, now: Instant) {
        self.advance(now);
        self.fates = Fates::draw(self.dice, &self.behaviour.conflicts, &self.eligible);
        self.faults.restart();
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

fn failed(failure: &Failure) -> Option<Reply> {
    match failure {
        Failure::Reset => None,
        Failure::Status(status, body) => Some(Reply::failure(*status, *body)),
        Failure::Redirect(status, location) => Some(Reply::redirect(*status, location)),
        Failure::RateLimited(retry_after) => Some(Reply::rate_limited(retry_after.as_secs())),
    }
}
