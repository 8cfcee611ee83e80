//! The directory: `/api/v2/users` and the ways to a single user.

use http::Method;

use super::answer;
use super::call::{Lane, Route};
use super::client::{GenesysClient, Outgoing, json, path_segment};
use super::paging::Listing;
use super::wire::{EmailSearch, Found, User};
use crate::domain::UserId;
use crate::domain::user::DirectoryUser;
use crate::engine::port::{CallError, Errand, Expand, Extent, ListedUser, UserListing};

/// Users a page: the most that the listing gives.
const PER_PAGE: usize = 500;
const ACTIVE: Listing = Listing { route: Route::Users, of: "users", none: "nobody", page_size: PER_PAGE };
const INACTIVE: Listing = Listing { of: "inactive users", ..ACTIVE };

/// Hands over all users of a listing, page by page.
pub(super) async fn list(
    client: &GenesysClient,
    errand: &Errand,
    listing: UserListing,
    expand: Expand,
    take: &mut (dyn FnMut(ListedUser) + Send),
) -> Result<Extent, CallError> {
    let (listing, state) = match listing {
        UserListing::Active => (ACTIVE, "active"),
        UserListing::Inactive => (INACTIVE, "inactive"),
    };
    let skills = match expand {
        Expand::Plain => "",
        Expand::Skills => "&expand=skills",
    };
    let path = |number| {
        format!("/api/v2/users?pageSize={PER_PAGE}&pageNumber={number}&state={state}&expand=employerInfo{skills}")
    };
    client.pages(errand, listing, path, |user: User| take(user.into())).await
}

/// One user by id.
pub(super) async fn by_id(
    client: &GenesysClient,
    errand: &Errand,
    user: UserId,
) -> Result<Option<DirectoryUser>, CallError> {
    let path = format!("/api/v2/users/{user}?expand=employerInfo");
    let found = one(client, errand, Route::User, path).await?;
    match found.as_ref().filter(|found| found.id != user) {
        Some(other) => Err(answer::about_another_user(Route::User, other.id)),
        None => Ok(found),
    }
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
