//! Finds the endpoint of a request from its method and path alone.

use http::Method;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::query::decoded;
use super::resource::Target;

/// The simulated endpoints: a closed list, so that faults, limits and counts can be kept per route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// `POST /oauth/token`.
    Token,
    /// `DELETE /api/v2/tokens/me`.
    TokenRevoke,
    /// `GET /api/v2/users`.
    Users,
    /// `GET /api/v2/users/{id}`.
    User,
    /// `GET /api/v2/users/externalid/{authority}/{key}`.
    UserByExternalId,
    /// `POST /api/v2/users/search`.
    UserSearch,
    /// `GET /api/v2/scim/users` or `/api/v2/scim/v2/users`.
    ScimUsers,
    /// `GET /api/v2/routing/skills`.
    RoutingSkills,
    /// `POST /api/v2/routing/skills`.
    SkillCreate,
    /// `GET /api/v2/routing/languages`.
    RoutingLanguages,
    /// `POST /api/v2/routing/languages`.
    LanguageCreate,
    /// `GET /api/v2/routing/skillgroups`.
    SkillGroups,
    /// `GET /api/v2/organizations/me`.
    Org,
    /// `GET /api/v2/organizations/limits/namespaces`, and the limits of one namespace below it.
    OrgLimits,
    /// `GET /api/v2/users/{id}/routingskills`.
    UserSkillsRead,
    /// `PATCH /api/v2/users/{id}/routingskills/bulk`.
    UserSkillsAdd,
    /// `PUT /api/v2/users/{id}/routingskills/bulk`.
    UserSkillsReplace,
    /// `PUT /api/v2/users/{id}/routingskills/{skillId}`.
    UserSkillUpdate,
    /// `DELETE /api/v2/users/{id}/routingskills/{skillId}`.
    UserSkillRemove,
    /// `GET /api/v2/users/{id}/routinglanguages`.
    UserLanguagesRead,
    /// `PATCH /api/v2/users/{id}/routinglanguages/bulk`.
    UserLanguagesAdd,
    /// `DELETE /api/v2/users/{id}/routinglanguages/{languageId}`.
    UserLanguageRemove,
    /// `GET` on the partner's endpoint ([`WfmEndpoint`](crate::WfmEndpoint)).
    WfmRead,
    /// `PATCH` on the partner's endpoint ([`WfmEndpoint`](crate::WfmEndpoint)).
    WfmWrite,
    /// Any path or method that the simulated org does not have.
    Unknown,
}

impl Route {
    /// Returns the resource that a call on this route changes, if it is a write to a user.
    pub fn writes(self) -> Option<Target> {
        match self {
            Self::WfmWrite => Some(Target::WfmSkillGroups),
            Self::UserSkillsAdd | Self::UserSkillsReplace | Self::UserSkillUpdate | Self::UserSkillRemove => {
                Some(Target::RoutingSkills)
            }
            Self::UserLanguagesAdd | Self::UserLanguageRemove => Some(Target::RoutingLanguages),
            Self::Token
            | Self::TokenRevoke
            | Self::Users
            | Self::User
            | Self::UserByExternalId
            | Self::UserSearch
            | Self::ScimUsers
            | Self::RoutingSkills
            | Self::SkillCreate
            | Self::RoutingLanguages
            | Self::LanguageCreate
            | Self::SkillGroups
            | Self::Org
            | Self::OrgLimits
            | Self::UserSkillsRead
            | Self::UserLanguagesRead
            | Self::WfmRead
            | Self::Unknown => None,
        }
    }

    /// Returns the permissions of which a call needs one, as the SDKs name them; an empty list means that it needs
    /// none. The partner's endpoint is in no SDK.
    pub(super) fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::UserSearch => &["directory:user:view"],
            Self::RoutingSkills => &["routing:skill:view"],
            Self::UserSkillsAdd | Self::UserSkillsReplace | Self::UserSkillUpdate | Self::UserSkillRemove => {
                &["routing:skill:assign"]
            }
            Self::UserLanguagesAdd | Self::UserLanguageRemove => &["routing:skill:assign", "routing:language:assign"],
            Self::SkillCreate => &["routing:skill:manage", "routing:skill:create"],
            Self::SkillGroups => &["routing:skillGroup:view"],
            Self::WfmRead => &["wfm:agent:view"],
            Self::WfmWrite => &["wfm:agent:edit"],
            Self::Token
            | Self::TokenRevoke
            | Self::Users
            | Self::User
            | Self::UserByExternalId
            | Self::ScimUsers
            | Self::Org
            | Self::OrgLimits
            | Self::RoutingLanguages
            | Self::LanguageCreate
            | Self::UserSkillsRead
            | Self::UserLanguagesRead
            | Self::Unknown => &[],
        }
    }
}

/// What the path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Nothing,
    User(Uuid),
    /// A skill or a language of a user.
    UserSkill(Uuid, Uuid),
    External {
        authority: String,
        key: String,
    },
    /// Limits of a namespace: those in force, or the defaults of all orgs.
    Namespace {
        name: String,
        defaults: bool,
    },
}

/// A request after routing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matched {
    pub(super) route: Route,
    pub(super) subject: Subject,
    /// The allowed methods, if the path exists but not with the requested one.
    pub(super) allowed: Option<&'static str>,
}

impl Matched {
    fn new(route: Route, subject: Subject) -> Self {
        Self { route, subject, allowed: None }
    }

    fn unknown() -> Self {
        Self::new(Route::Unknown, Subject::Nothing)
    }

    fn wrong_method(allowed: &'static str) -> Self {
        Self { allowed: Some(allowed), ..Self::unknown() }
    }

    /// Returns the user whom the request is about, if the path names one by id.
    pub(super) fn user(&self) -> Option<Uuid> {
        match &self.subject {
            Subject::User(user) | Subject::UserSkill(user, _) => Some(*user),
            Subject::Nothing | Subject::External { .. } | Subject::Namespace { .. } => None,
        }
    }
}

/// Finds the route of a request. The path of the partner's endpoint is configured, and contains `{userId}`.
#[derive(Debug, Clone)]
pub(super) struct Router {
    wfm_before: String,
    wfm_after: String,
}

impl Router {
    pub(super) fn new(wfm_path: &str) -> Self {
        let (before, after) = wfm_path.split_once("{userId}").unwrap_or((wfm_path, ""));
        Self { wfm_before: before.to_owned(), wfm_after: after.to_owned() }
    }

    pub(super) fn matched(&self, method: &Method, path: &str) -> Matched {
        if let Some(user) = self.wfm_user(path) {
            return match *method {
                Method::GET => Matched::new(Route::WfmRead, Subject::User(user)),
                Method::PATCH => Matched::new(Route::WfmWrite, Subject::User(user)),
                _ => Matched::wrong_method("GET, PATCH"),
            };
        }
        if path == "/oauth/token" {
            return only(method, &Method::POST, "POST", Matched::new(Route::Token, Subject::Nothing));
        }
        let Some(rest) = path.strip_prefix("/api/v2/") else { return Matched::unknown() };
        let segments: Vec<&str> = rest.split('/').collect();
        match segments.as_slice() {
            ["routing", "skills"] => match *method {
                Method::GET => Matched::new(Route::RoutingSkills, Subject::Nothing),
                Method::POST => Matched::new(Route::SkillCreate, Subject::Nothing),
                _ => Matched::wrong_method("GET, POST"),
            },
            ["routing", "languages"] => match *method {
                Method::GET => Matched::new(Route::RoutingLanguages, Subject::Nothing),
                Method::POST => Matched::new(Route::LanguageCreate, Subject::Nothing),
                _ => Matched::wrong_method("GET, POST"),
            },
            ["routing", "skillgroups"] => get(method, Route::SkillGroups, Subject::Nothing),
            ["tokens", "me"] => {
                only(method, &Method::DELETE, "DELETE", Matched::new(Route::TokenRevoke, Subject::Nothing))
            }
            ["scim", "users"] | ["scim", "v2", "users"] => get(method, Route::ScimUsers, Subject::Nothing),
            ["organizations", "me"] => get(method, Route::Org, Subject::Nothing),
            ["organizations", "limits", "namespaces", rest @ ..] => limits(method, rest),
            ["users"] => get(method, Route::Users, Subject::Nothing),
            ["users", "search"] => {
                only(method, &Method::POST, "POST", Matched::new(Route::UserSearch, Subject::Nothing))
            }
            ["users", "externalid", authority, key] => {
                let subject = Subject::External { authority: decoded(authority), key: decoded(key) };
                get(method, Route::UserByExternalId, subject)
            }
            ["users", user, rest @ ..] => {
                parsed(user).map_or_else(Matched::unknown, |user| of_user(method, user, rest))
            }
            _ => Matched::unknown(),
        }
    }

    fn wfm_user(&self, path: &str) -> Option<Uuid> {
        parsed(path.strip_prefix(&self.wfm_before)?.strip_suffix(&self.wfm_after)?)
    }
}

fn of_user(method: &Method, user: Uuid, rest: &[&str]) -> Matched {
    match rest {
        [] => get(method, Route::User, Subject::User(user)),
        ["routingskills"] => get(method, Route::UserSkillsRead, Subject::User(user)),
        ["routingskills", "bulk"] => match *method {
            Method::PATCH => Matched::new(Route::UserSkillsAdd, Subject::User(user)),
            Method::PUT => Matched::new(Route::UserSkillsReplace, Subject::User(user)),
            _ => Matched::wrong_method("PATCH, PUT"),
        },
        ["routinglanguages"] => get(method, Route::UserLanguagesRead, Subject::User(user)),
        ["routinglanguages", "bulk"] => {
            only(method, &Method::PATCH, "PATCH", Matched::new(Route::UserLanguagesAdd, Subject::User(user)))
        }
        ["routinglanguages", language] => parsed(language).map_or_else(Matched::unknown, |language| {
            let matched = Matched::new(Route::UserLanguageRemove, Subject::UserSkill(user, language));
            only(method, &Method::DELETE, "DELETE", matched)
        }),
        ["routingskills", skill] => parsed(skill).map_or_else(Matched::unknown, |skill| {
            let subject = Subject::UserSkill(user, skill);
            match *method {
                Method::PUT => Matched::new(Route::UserSkillUpdate, subject),
                Method::DELETE => Matched::new(Route::UserSkillRemove, subject),
                _ => Matched::wrong_method("PUT, DELETE"),
            }
        }),
        _ => Matched::unknown(),
    }
}

fn limits(method: &Method, rest: &[&str]) -> Matched {
    let of = |name: &str, defaults| Subject::Namespace { name: decoded(name), defaults };
    match rest {
        [] => get(method, Route::OrgLimits, Subject::Nothing),
        [name] => get(method, Route::OrgLimits, of(name, false)),
        [name, "defaults"] => get(method, Route::OrgLimits, of(name, true)),
        _ => Matched::unknown(),
    }
}

fn get(method: &Method, route: Route, subject: Subject) -> Matched {
    only(method, &Method::GET, "GET", Matched::new(route, subject))
}

fn only(method: &Method, wanted: &Method, allowed: &'static str, matched: Matched) -> Matched {
    if method == wanted { matched } else { Matched::wrong_method(allowed) }
}

fn parsed(segment: &str) -> Option<Uuid> {
    Uuid::try_parse(segment).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";

    fn route_of(method: &Method, path: &str) -> Route {
        Router::new("/api/v2/wfm/users/{userId}/assignments").matched(method, path).route
    }

    #[test]
    fn every_endpoint_is_found_by_method_and_path() {
        let skills = format!("/api/v2/users/{USER}/routingskills");
        let wfm = format!("/api/v2/wfm/users/{USER}/assignments");
        for (method, path, route) in [
            (Method::POST, "/oauth/token", Route::Token),
            (Method::DELETE, "/api/v2/tokens/me", Route::TokenRevoke),
            (Method::GET, "/api/v2/users", Route::Users),
            (Method::GET, &format!("/api/v2/users/{USER}"), Route::User),
            (Method::GET, "/api/v2/users/externalid/hris/A%2F1", Route::UserByExternalId),
            (Method::POST, "/api/v2/users/search", Route::UserSearch),
            (Method::GET, "/api/v2/scim/v2/users", Route::ScimUsers),
            (Method::GET, "/api/v2/scim/users", Route::ScimUsers),
            (Method::GET, "/api/v2/routing/skills", Route::RoutingSkills),
            (Method::GET, "/api/v2/routing/languages", Route::RoutingLanguages),
            (Method::POST, "/api/v2/routing/skills", Route::SkillCreate),
            (Method::GET, "/api/v2/routing/skillgroups", Route::SkillGroups),
            (Method::GET, "/api/v2/organizations/me", Route::Org),
            (Method::GET, "/api/v2/organizations/limits/namespaces", Route::OrgLimits),
            (Method::GET, "/api/v2/organizations/limits/namespaces/platform.api", Route::OrgLimits),
            (Method::GET, "/api/v2/organizations/limits/namespaces/routing/defaults", Route::OrgLimits),
            (Method::GET, &skills, Route::UserSkillsRead),
            (Method::PATCH, &format!("{skills}/bulk"), Route::UserSkillsAdd),
            (Method::PUT, &format!("{skills}/bulk"), Route::UserSkillsReplace),
            (Method::PUT, &format!("{skills}/{USER}"), Route::UserSkillUpdate),
            (Method::DELETE, &format!("{skills}/{USER}"), Route::UserSkillRemove),
            (Method::GET, &wfm, Route::WfmRead),
            (Method::PATCH, &wfm, Route::WfmWrite),
            (Method::GET, "/api/v2/queues", Route::Unknown),
        ] {
            assert_eq!(route_of(&method, path), route, "{method} {path}");
        }
    }

    #[test]
    fn a_known_path_with_another_method_names_the_methods_that_it_has() {
        let router = Router::new("/partner/{userId}");
        assert_eq!(router.matched(&Method::PUT, &format!("/partner/{USER}")).allowed, Some("GET, PATCH"));
        assert_eq!(router.matched(&Method::POST, "/api/v2/users").allowed, Some("GET"));
    }
}
