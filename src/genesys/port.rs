//! Implements the engine's port: maps each operation to the route that performs it.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};

use super::client::GenesysClient;
use super::{catalogues, routing_skills, users, wfm};
use crate::domain::user::DirectoryUser;
use crate::domain::{Target, UserKey};
use crate::engine::port::{
    AssignmentWrite, CallError, CallOptions, CatalogueItem, CatalogueListing, Expand, Extent, Genesys, ListedUser,
    LookUp, Observed, Pace, UserListing, WriteError, Written,
};

impl Genesys for GenesysClient {
    fn read<'a>(&'a self, options: &'a CallOptions, key: UserKey) -> BoxFuture<'a, Result<Observed, CallError>> {
        match key.target {
            Target::RoutingSkills => routing_skills::read(self, options, key.user).boxed(),
            Target::WfmSkillGroups => wfm::read(self, options, key.user).boxed(),
        }
    }

    fn write<'a>(
        &'a self,
        options: &'a CallOptions,
        key: UserKey,
        write: &'a AssignmentWrite,
    ) -> BoxFuture<'a, Result<Written, WriteError>> {
        match key.target {
            Target::RoutingSkills => routing_skills::write(self, options, key.user, write).boxed(),
            Target::WfmSkillGroups => wfm::write(self, options, key.user, write).err_into().boxed(),
        }
    }

    fn list_users<'a>(
        &'a self,
        options: &'a CallOptions,
        listing: UserListing,
        expand: Expand,
        take: &'a mut (dyn FnMut(ListedUser) + Send),
    ) -> BoxFuture<'a, Result<Extent, CallError>> {
        users::list(self, options, listing, expand, take).boxed()
    }

    fn look_up<'a>(
        &'a self,
        options: &'a CallOptions,
        who: LookUp<'a>,
    ) -> BoxFuture<'a, Result<Vec<DirectoryUser>, CallError>> {
        match who {
            LookUp::Ids(ids) => users::by_ids(self, options, ids).boxed(),
            LookUp::Emails(emails) => users::by_emails(self, options, emails).boxed(),
            LookUp::EmployeeId(id) => users::by_employee_id(self, options, id).boxed(),
            LookUp::ExternalId { authority, key } => users::by_external_id(self, options, authority, key).boxed(),
        }
    }

    fn list_catalogue<'a>(
        &'a self,
        options: &'a CallOptions,
        target: Target,
    ) -> BoxFuture<'a, Result<CatalogueListing, CallError>> {
        match target {
            Target::RoutingSkills => catalogues::skills(self, options).boxed(),
            Target::WfmSkillGroups => catalogues::groups(self, options).boxed(),
        }
    }

    fn create_skill<'a>(
        &'a self,
        options: &'a CallOptions,
        name: &'a str,
    ) -> BoxFuture<'a, Result<CatalogueItem, CallError>> {
        catalogues::create_skill(self, options, name).boxed()
    }

    fn pace(&self, target: Target) -> Pace {
        self.gate.pace(match target {
            Target::RoutingSkills => &routing_skills::ROUTES,
            Target::WfmSkillGroups => &wfm::ROUTES,
        })
    }
}
