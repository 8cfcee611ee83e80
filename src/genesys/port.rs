//! Implements the engine's port: maps each operation to the route that performs it.

use async_trait::async_trait;

use super::client::GenesysClient;
use super::{catalogues, routing_skills, users, wfm};
use crate::domain::user::DirectoryUser;
use crate::domain::{Target, UserKey};
use crate::engine::port::{
    AssignmentWrite, CallError, CallOptions, CatalogueItem, CatalogueListing, Expand, Extent, Genesys, ListedUser,
    LookUp, Observed, Pace, UserListing, WriteError, Written,
};

#[async_trait]
impl Genesys for GenesysClient {
    async fn read(&self, options: &CallOptions, key: UserKey) -> Result<Observed, CallError> {
        match key.target {
            Target::RoutingSkills => routing_skills::read(self, options, key.user).await,
            Target::WfmSkillGroups => wfm::read(self, options, key.user).await,
        }
    }

    async fn write(&self, options: &CallOptions, key: UserKey, write: &AssignmentWrite) -> Result<Written, WriteError> {
        match key.target {
            Target::RoutingSkills => routing_skills::write(self, options, key.user, write).await,
            Target::WfmSkillGroups => wfm::write(self, options, key.user, write).await.map_err(Into::into),
        }
    }

    async fn list_users(
        &self,
        options: &CallOptions,
        listing: UserListing,
        expand: Expand,
        take: &mut (dyn FnMut(ListedUser) + Send),
    ) -> Result<Extent, CallError> {
        users::list(self, options, listing, expand, take).await
    }

    async fn look_up(&self, options: &CallOptions, who: LookUp<'_>) -> Result<Vec<DirectoryUser>, CallError> {
        match who {
            LookUp::Ids(ids) => users::by_ids(self, options, ids).await,
            LookUp::Emails(emails) => users::by_emails(self, options, emails).await,
            LookUp::EmployeeId(id) => users::by_employee_id(self, options, id).await,
            LookUp::ExternalId { authority, key } => users::by_external_id(self, options, authority, key).await,
        }
    }

    async fn list_catalogue(&self, options: &CallOptions, target: Target) -> Result<CatalogueListing, CallError> {
        match target {
            Target::RoutingSkills => catalogues::skills(self, options).await,
            Target::WfmSkillGroups => catalogues::groups(self, options).await,
        }
    }

    async fn create_skill(&self, options: &CallOptions, name: &str) -> Result<CatalogueItem, CallError> {
        catalogues::create_skill(self, options, name).await
    }

    fn pace(&self, target: Target) -> Pace {
        self.rate_limiter.pace(match target {
            Target::RoutingSkills => &routing_skills::ROUTES,
            Target::WfmSkillGroups => &wfm::ROUTES,
        })
    }
}
