//! The directory: `/api/v2/users`, and the routes that find a single user.

use http::Method;

use super::answer;
use super::call::{CallLane, Route};
use super::client::{GenesysClient, Outgoing, json};
use super::paging::PagedListing;
use super::path::ApiPath;
use super::wire::{EmailSearch, FoundUsers, ScimUsers, User};
use crate::address::OutOfPlace;
use crate::domain::UserId;
use crate::domain::user::DirectoryUser;
use crate::engine::port::{CallError, CallOptions, Expand, Extent, ListedUser, UserListing};

/// Users per page: the maximum of the listing.
const PER_PAGE: usize = 500;
const ACTIVE: PagedListing =
    PagedListing { route: Route::Users, of: "users", none: "nobody", page_size: PER_PAGE, most_pages: None };
/// Genesys refuses pages beyond 10,000 inactive users, whatever total it reports.
const INACTIVE: PagedListing = PagedListing { of: "inactive users", most_pages: Some(10_000 / 500), ..ACTIVE };
/// Maximum number of ids in one look-up.
pub(super) const IDS_A_CALL: usize = 100;
const BY_ID: PagedListing = PagedListing { of: "users by id", page_size: IDS_A_CALL, ..ACTIVE };
/// More than the number of users that share one employee id.
const SCIM_PAGE: usize = 25;

/// Passes all users of a listing to `take`, page by page.
pub(super) async fn list(
    client: &GenesysClient,
    options: &CallOptions,
    listing: UserListing,
    expand: Expand,
    take: &mut (dyn FnMut(ListedUser) + Send),
) -> Result<Extent, CallError> {
    let (listing, state) = match listing {
        UserListing::Active => (ACTIVE, "active"),
        UserListing::Inactive => (INACTIVE, "inactive"),
    };
    let path = |number| {
        let path = page(PER_PAGE, number, state);
        match expand {
            Expand::Plain => path,
            Expand::Skills => path.query("expand", "skills"),
        }
    };
    client.pages(options, listing, path, |user: User| take(user.into())).await
}

/// Returns the path of one page of the users in this state.
pub(super) fn page(size: usize, number: u32, state: &'static str) -> ApiPath {
    let path = ApiPath::new("/api/v2/users").query("pageSize", size).query("pageNumber", number);
    path.query("state", state).query("expand", "employerInfo")
}

/// Finds users by id, including inactive ones.
pub(super) async fn by_ids(
    client: &GenesysClient,
    options: &CallOptions,
    ids: &[UserId],
) -> Result<Vec<DirectoryUser>, CallError> {
    if let [id] = ids {
        return by_id(client, options, *id).await;
    }
    let path = |number| {
        let path = page(IDS_A_CALL, number, "any");
        ids.iter().fold(path, |path, id| path.query("id", id))
    };
    let mut found = Vec::new();
    let take = |user: User| {
        if !user.is_deleted() {
            found.push(ListedUser::from(user).user);
        }
    };
    let extent = client.pages(options, BY_ID, path, take).await?;
    if extent.complete { Ok(found) } else { Err(CallError::unavailable(extent.lacks(BY_ID.of))) }
}

async fn by_id(client: &GenesysClient, options: &CallOptions, id: UserId) -> Result<Vec<DirectoryUser>, CallError> {
    let path = ApiPath::new("/api/v2/users").id(id.0).query("expand", "employerInfo");
    let found = one(client, options, Route::User, path).await?;
    match found.iter().find(|found| found.id != id) {
        Some(other) => Err(answer::about_another_user(Route::User, other.id)),
        None => Ok(found),
    }
}

/// Finds the user with an external id, if there is one.
pub(super) async fn by_external_id(
    client: &GenesysClient,
    options: &CallOptions,
    authority: &str,
    key: &str,
) -> Result<Vec<DirectoryUser>, CallError> {
    let path = ApiPath::new("/api/v2/users/externalid").segment(authority).and_then(|path| path.segment(key));
    match path {
        Ok(path) => one(client, options, Route::UserByExternalId, path).await,
        // A text that cannot be a path segment identifies no user.
        Err(OutOfPlace) => Ok(Vec::new()),
    }
}

async fn one(
    client: &GenesysClient,
    options: &CallOptions,
    route: Route,
    path: ApiPath,
) -> Result<Vec<DirectoryUser>, CallError> {
    match client.get::<User>(options, route, path).await {
        Ok(user) => Ok(vec![ListedUser::from(user).user]),
        Err(CallError::NotFound(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Finds all users, active or not, with one of these e-mail addresses, as the search of Genesys matches them.
pub(super) async fn by_emails(
    client: &GenesysClient,
    options: &CallOptions,
    emails: &[&str],
) -> Result<Vec<DirectoryUser>, CallError> {
    let out = Outgoing {
        method: Method::POST,
        route: Route::UserSearch,
        path: ApiPath::new("/api/v2/users/search"),
        header: None,
        body: json(&EmailSearch::of(emails))?,
    };
    let response = client.send(CallLane::of(options), options, out).await?;
    let FoundUsers { results, total } = answer::parse(Route::UserSearch, &response)?;
    whole("search for e-mail addresses", results.len(), total)?;
    Ok(results.into_iter().map(|user| ListedUser::from(user).user).collect())
}

/// Finds all users, active or not, with an employee id, as the SCIM filter (RFC 7644, section 3.4.2.2) matches it.
pub(super) async fn by_employee_id(
    client: &GenesysClient,
    options: &CallOptions,
    id: &str,
) -> Result<Vec<DirectoryUser>, CallError> {
    let filter = format!("employeeNumber eq {}", serde_json::Value::from(id));
    let path = ApiPath::new("/api/v2/scim/v2/users").query("filter", filter).query("count", SCIM_PAGE);
    let ScimUsers { resources, total_results } = client.get(options, Route::ScimUsers, path).await?;
    whole("SCIM filter", resources.len(), total_results)?;
    Ok(resources.into_iter().map(DirectoryUser::from).collect())
}

/// Only an answer that reports a total and shows all of it proves that no other user matches.
fn whole(what: &str, shown: usize, total: Option<usize>) -> Result<(), CallError> {
    let lack = match total {
        Some(total) if total <= shown => return Ok(()),
        Some(total) => format!("the {what} shows {shown} of {total} users"),
        None => format!("the {what} does not say how many it found"),
    };
    Err(CallError::without_answer(lack))
}
