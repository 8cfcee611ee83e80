//! What travels with each call through the stack: the lane it waits in, the route it uses, and what it may change.

use crate::domain::job::Lane;
pub use crate::engine::port::CallMeter;
use crate::engine::port::CallOptions;

/// Precedence of a call when it waits for a place in the rate limiter's windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallLane {
    /// A write that follows a read, or a read that follows a refused write. It goes ahead of everything else, so that
    /// only one round trip lies between the two.
    Continuation,
    /// Webhook deliveries, and small jobs that asked for it.
    Interactive,
    /// All other calls.
    Bulk,
}

impl CallLane {
    /// All lanes, in order of precedence.
    pub const ALL: [Self; 3] = [Self::Continuation, Self::Interactive, Self::Bulk];

    /// Returns the lane for the reads of a call.
    pub fn of(options: &CallOptions) -> Self {
        match options.lane {
            _ if options.continues => Self::Continuation,
            Lane::Interactive => Self::Interactive,
            Lane::Bulk => Self::Bulk,
        }
    }

    /// Returns the name used in views, metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Continuation => "continuation",
            Self::Interactive => "interactive",
            Self::Bulk => "bulk",
        }
    }
}

/// Routes of the Genesys API that are used. The list is closed, so that metrics and limits per route stay bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Route {
    Users,
    User,
    UserByExternalId,
    UserSearch,
    ScimUsers,
    RoutingSkills,
    SkillCreate,
    SkillGroups,
    UserSkillsRead,
    UserSkillsAdd,
    UserSkillsReplace,
    UserSkillUpdate,
    UserSkillRemove,
    WfmRead,
    WfmWrite,
    Org,
    OrgLimits,
}

impl Route {
    /// All routes.
    pub const ALL: [Self; 17] = [
        Self::Users,
        Self::User,
        Self::UserByExternalId,
        Self::UserSearch,
        Self::ScimUsers,
        Self::RoutingSkills,
        Self::SkillCreate,
        Self::SkillGroups,
        Self::UserSkillsRead,
        Self::UserSkillsAdd,
        Self::UserSkillsReplace,
        Self::UserSkillUpdate,
        Self::UserSkillRemove,
        Self::WfmRead,
        Self::WfmWrite,
        Self::Org,
        Self::OrgLimits,
    ];

    /// Returns the name used in metrics and logs; it never contains an id.
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::User => "user",
            Self::UserByExternalId => "user_by_external_id",
            Self::UserSearch => "user_search",
            Self::ScimUsers => "scim_users",
            Self::RoutingSkills => "routing_skills",
            Self::SkillCreate => "skill_create",
            Self::SkillGroups => "skill_groups",
            Self::UserSkillsRead => "user_skills_read",
            Self::UserSkillsAdd => "user_skills_add",
            Self::UserSkillsReplace => "user_skills_replace",
            Self::UserSkillUpdate => "user_skill_update",
            Self::UserSkillRemove => "user_skill_remove",
            Self::WfmRead => "wfm_read",
            Self::WfmWrite => "wfm_write",
            Self::Org => "org",
            Self::OrgLimits => "org_limits",
        }
    }

    /// Returns the request as messages name it, in the notation of the Genesys documentation.
    pub fn request(self) -> &'static str {
        match self {
            Self::Users => "GET /api/v2/users",
            Self::User => "GET /api/v2/users/{userId}",
            Self::UserByExternalId => "GET /api/v2/users/externalid/{authority}/{key}",
            Self::UserSearch => "POST /api/v2/users/search",
            Self::ScimUsers => "GET /api/v2/scim/v2/users",
            Self::RoutingSkills => "GET /api/v2/routing/skills",
            Self::SkillCreate => "POST /api/v2/routing/skills",
            Self::SkillGroups => "GET /api/v2/routing/skillgroups",
            Self::UserSkillsRead => "GET /api/v2/users/{userId}/routingskills",
            Self::UserSkillsAdd => "PATCH /api/v2/users/{userId}/routingskills/bulk",
            Self::UserSkillsReplace => "PUT /api/v2/users/{userId}/routingskills/bulk",
            Self::UserSkillUpdate => "PUT /api/v2/users/{userId}/routingskills/{skillId}",
            Self::UserSkillRemove => "DELETE /api/v2/users/{userId}/routingskills/{skillId}",
            Self::WfmRead => "GET genesys.wfm_path",
            Self::WfmWrite => "PATCH genesys.wfm_path",
            Self::Org => "GET /api/v2/organizations/me",
            Self::OrgLimits => "GET /api/v2/organizations/limits/namespaces/platform.api",
        }
    }

    /// Returns the class of calls that the route belongs to.
    pub fn class(self) -> RouteClass {
        match self {
            Self::SkillCreate
            | Self::UserSkillsAdd
            | Self::UserSkillsReplace
            | Self::UserSkillUpdate
            | Self::UserSkillRemove
            | Self::WfmWrite => RouteClass::Write,
            Self::Users | Self::RoutingSkills | Self::SkillGroups => RouteClass::Listing,
            Self::User
            | Self::UserByExternalId
            | Self::UserSearch
            | Self::ScimUsers
            | Self::UserSkillsRead
            | Self::WfmRead
            | Self::Org
            | Self::OrgLimits => RouteClass::Read,
        }
    }

    /// Returns the part of Genesys that answers the route, and that may fail while the others work.
    pub fn service(self) -> GenesysService {
        match self {
            Self::Users | Self::User | Self::UserByExternalId => GenesysService::Users,
            Self::UserSearch => GenesysService::Search,
            Self::ScimUsers => GenesysService::Scim,
            Self::RoutingSkills
            | Self::SkillCreate
            | Self::SkillGroups
            | Self::UserSkillsRead
            | Self::UserSkillsAdd
            | Self::UserSkillsReplace
            | Self::UserSkillUpdate
            | Self::UserSkillRemove => GenesysService::Routing,
            Self::WfmRead | Self::WfmWrite => GenesysService::Wfm,
            Self::Org | Self::OrgLimits => GenesysService::Organization,
        }
    }

    /// Returns whether a call on this route changes something in Genesys.
    pub fn writes(self) -> bool {
        self.class() == RouteClass::Write
    }
}

/// Class of routes whose calls take Genesys about the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteClass {
    /// A page with hundreds of entries.
    Listing,
    /// The resource of one user.
    Read,
    /// A change.
    Write,
}

impl RouteClass {
    /// All classes.
    pub const ALL: [Self; 3] = [Self::Listing, Self::Read, Self::Write];

    /// Returns the position in [`RouteClass::ALL`].
    pub fn index(self) -> usize {
        match self {
            Self::Listing => 0,
            Self::Read => 1,
            Self::Write => 2,
        }
    }

    /// Returns the name used in views.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Group of routes that work or fail together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenesysService {
    Users,
    Search,
    Scim,
    Routing,
    Wfm,
    Organization,
}

impl GenesysService {
    /// All services.
    pub const ALL: [Self; 6] = [Self::Users, Self::Search, Self::Scim, Self::Routing, Self::Wfm, Self::Organization];

    /// Returns the position in [`GenesysService::ALL`].
    pub fn index(self) -> usize {
        match self {
            Self::Users => 0,
            Self::Search => 1,
            Self::Scim => 2,
            Self::Routing => 3,
            Self::Wfm => 4,
            Self::Organization => 5,
        }
    }

    /// Returns the name used in views.
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Search => "search",
            Self::Scim => "scim",
            Self::Routing => "routing",
            Self::Wfm => "wfm",
            Self::Organization => "organization",
        }
    }
}

/// Context of a call; travels in the extensions of the request.
#[derive(Debug, Clone)]
pub struct CallContext {
    pub lane: CallLane,
    pub route: Route,
    pub meter: CallMeter,
}
