//! The engine's Genesys: each of its verbs on the route that does it.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};

use super::client::GenesysClient;
use super::{catalogues, routing_skills, users, wfm};
use crate::domain::user::DirectoryUser;
use crate::domain::{Target, UserKey};
use crate::engine::port::{
    AssignmentWrite, CallError, CatalogueItem, CatalogueListing, Errand, Expand, Extent, Genesys, ListedUser, LookUp,
    Observed, Pace, UserListing, WriteError, Written,
};

impl Genesys for GenesysClient {
    fn read<'a>(&'a self, errand: &'a Errand, key: UserKey) -> BoxFuture<'a, Result<Observed, CallError>> {
        match key.target {
            Target::RoutingSkills => routing_skills::read(self, errand, key.user).boxed(),
            Target::WfmSkillGroups => wfm::read(self, errand, key.user).boxed(),
        }
    }

    fn write<'a>(
        &'a self,
        errand: &'a Errand,
        key: UserKey,
        write: &'a AssignmentWrite,
    ) -> BoxFuture<'a, Result<Written, WriteError>> {
        match key.target {
            Target::RoutingSkills => routing_skills::write(self, errand, key.user, write).boxed(),
            Target::WfmSkillGroups => wfm::write(self, errand, key.user, write).err_into().boxed(),
        }
    }

    fn list_users<'a>(
        &'a self,
        errand: &'a Errand,
        listing: UserListing,
        expand: Expand,
        take: &'a mut (dyn FnMut(ListedUser) + Send),
    ) -> BoxFuture<'a, Result<Extent, CallError>> {
        users::list(self, errand, listing, expand, take).boxed()
    }

    fn look_up<'a>(
        &'a self,
        errand: &'a Errand,
        who: LookUp<'a>,
    ) -> BoxFuture<'a, Result<Vec<DirectoryUser>, CallError>> {
        match who {
            LookUp::Ids(ids) => users::by_ids(self, errand, ids).boxed(),
            LookUp::Emails(emails) => users::by_emails(self, errand, emails).boxed(),
            LookUp::EmployeeId(id) => users::by_employee_id(self, errand, id).boxed(),
            LookUp::ExternalId { authority, key } => users::by_external_id(self, errand, authority, key).boxed(),
        }
    }

    fn list_catalogue<'a>(
        &'a self,
        errand: &'a Errand,
        target: Target,
    ) -> BoxFuture<'a, Result<CatalogueListing, CallError>> {
        match target {
            Target::RoutingSkills => catalogues::skills(self, errand).boxed(),
            Target::WfmSkillGroups => catalogues::groups(self, errand).boxed(),
        }
    }

    fn create_skill<'a>(
        &'a self,
        errand: &'a Errand,
        name: &'a str,
    ) -> BoxFuture<'a, Result<CatalogueItem, CallError>> {
        catalogues::create_skill(self, errand, name).boxed()
    }

    fn pace(&self, target: Target) -> Pace {
        self.gate.pace(match target {
            Target::RoutingSkills => &routing_skills::ROUTES,
            Target::WfmSkillGroups => &wfm::ROUTES,
        })
    }
}
