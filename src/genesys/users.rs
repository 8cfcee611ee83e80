//! The directory: `/api/v2/users` and the ways to a single user.

use std::collections::HashSet;

use http::Method;

use super::answer;
use super::call::{Lane, Route};
use super::client::{GenesysClient, Outgoing, Pages, json, path_segment};
use super::wire::{EmailSearch, Found, User};
use crate::domain::UserId;
use crate::domain::user::DirectoryUser;
use crate::engine::port::{CallError, Errand, Expand, ListedUser, UserListing, UserPages};

/// Users a page: the most that the listing gives.
const PER_PAGE: u32 = 500;

/// All users of a listing, each once.
///
/// Pages are no snapshot: who moves between two of them comes twice, and who moves the other way does not come at all.
/// The former are dropped; the latter show in a total that is larger than what came, or is not that of the page before.
pub(super) async fn list(
    client: &GenesysClient,
    errand: &Errand,
    listing: UserListing,
    expand: Expand,
) -> Result<UserPages, CallError> {
    let state = match listing {
        UserListing::Active => "active",
        UserListing::Inactive => "inactive",
    };
    let skills = match expand {
        Expand::Plain => "",
        Expand::Skills => "&expand=skills",
    };
    let path = |number| {
        format!("/api/v2/users?pageSize={PER_PAGE}&pageNumber={number}&state={state}&expand=employerInfo{skills}")
    };
    let read: Pages<User> = client.pages(errand, Route::Users, path).await?;
    let mut seen = HashSet::new();
    let users = read.entities.into_iter().map(ListedUser::from);
    let users: Vec<_> = users.filter(|listed| seen.insert(listed.user.id)).collect();
    Ok(UserPages { complete: read.total.is_some_and(|total| users.len() >= total), pages: read.number, users })
}

/// One user by id.
pub(super) async fn by_id(
    client: &GenesysClient,
    errand: &Errand,
    user: UserId,
) -> Result<Option<DirectoryUser>, CallError> {
    one(client, errand, Route::User, format!("/api/v2/users/{user}?expand=employerInfo")).await
}

/// One user by an external id.
pub(super) async fn by_external_id(
    client: &GenesysClient,
    errand: &Errand,
    authority: &str,
    key: &str,
) -> Result<Option<DirectoryUser>, CallError> {
    let (authority, key) = (path_segment(authority), path_segment(key));
    one(client, errand, Route::UserByExternalId, format!("/api/v2/users/externalid/{authority}/{key}")).await
}

/// Everybody, active or not, who has this e-mail address. Whatever the search takes for a match, only the address itself
/// is believed.
pub(super) async fn by_email(
    client: &GenesysClient,
    errand: &Errand,
    email: &str,
) -> Result<Vec<DirectoryUser>, CallError> {
    let out = Outgoing {
        method: Method::POST,
        route: Route::UserSearch,
        path: "/api/v2/users/search".to_owned(),
        header: None,
        body: json(&EmailSearch::of(email))?,
    };
    let response = client.send(Lane::of(errand), errand, out).await?;
    let found: Found = answer::parse(Route::UserSearch, &response)?;
    let users = found.results.into_iter().map(|user| ListedUser::from(user).user);
    let meant =
        |user: &DirectoryUser| user.email.as_ref().is_some_and(|found| found.to_lowercase() == email.to_lowercase());
    Ok(users.filter(meant).collect())
}

async fn one(
    client: &GenesysClient,
    errand: &Errand,
    route: Route,
    path: String,
) -> Result<Option<DirectoryUser>, CallError> {
    match client.get::<User>(errand, route, path).await {
        Ok(user) => Ok(Some(ListedUser::from(user).user)),
        Err(CallError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
