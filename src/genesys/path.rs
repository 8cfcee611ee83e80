//! Paths of the API. Text from outside appears in them only as complete segments and as query values.

use std::fmt;

use uuid::Uuid;

use super::answer::unreadable;
use super::paging::PagedListing;
use crate::address::{self, OutOfPlace};
use crate::domain::UserId;
use crate::engine::port::CallError;

/// Path and query of a call. Only the functions in this module create one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiPath {
    text: String,
    has_query: bool,
}

impl ApiPath {
    /// Creates a path from a constant.
    pub(super) fn new(fixed: &'static str) -> Self {
        Self { text: fixed.to_owned(), has_query: false }
    }

    /// Creates a user's path from the configured template.
    pub(super) fn of_user(configured: &str, user: UserId) -> Self {
        Self { text: configured.replace("{userId}", &user.to_string()), has_query: configured.contains('?') }
    }

    /// Appends a constant.
    pub(super) fn then(mut self, fixed: &'static str) -> Self {
        self.text.push_str(fixed);
        self
    }

    /// Appends an id as a segment; ids need no escaping.
    pub(super) fn id(mut self, id: Uuid) -> Self {
        self.text.push('/');
        self.text.push_str(&id.to_string());
        self
    }

    /// Appends a text from outside as one segment. Fails if the text cannot be a segment.
    pub(super) fn segment(mut self, text: &str) -> Result<Self, OutOfPlace> {
        self.text.push('/');
        self.text.push_str(&address::segment(text)?);
        Ok(self)
    }

    /// Appends a query parameter.
    pub(super) fn query(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(name);
        self.text.push('=');
        self.text.push_str(&address::encode(&value.to_string()));
        self
    }

    /// Returns the path that a `nextUri` leads to, given as a path or as a URL on the API's own host. It has to be a
    /// page of the same listing, so that the token goes nowhere else.
    pub(super) fn next(&self, api_url: &str, listing: PagedListing, uri: &str) -> Result<Self, CallError> {
        let text = uri.strip_prefix(api_url).unwrap_or(uri);
        let of_listing = |text: &str| text.split_once('?').map_or(text, |(path, _)| path).to_owned();
        if of_listing(text) == of_listing(&self.text) {
            return Ok(Self { text: text.to_owned(), has_query: text.contains('?') });
        }
        Err(unreadable(listing.route, "its nextUri leads out of the listing"))
    }
}

impl fmt::Display for ApiPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::*;
    use crate::address::hostile;
    use crate::genesys::call::Route;

    #[test]
    fn the_next_page_is_one_of_the_same_listing() {
        let listing = PagedListing {
            route: Route::SkillGroups,
            of: "skill groups",
            none: "no group",
            page_size: 100,
            most_pages: None,
        };
        let first = ApiPath::new("/api/v2/routing/skillgroups").query("pageSize", 100);
        let next = |uri: &str| first.next("https://api.example", listing, uri);
        let second = "/api/v2/routing/skillgroups?pageSize=100&after=x";
        assert_eq!(next(second).unwrap().to_string(), second);
        assert_eq!(next(&format!("https://api.example{second}")).unwrap().to_string(), second);
        for elsewhere in [
            "https://evil.example/api/v2/routing/skillgroups?after=x",
            "//evil.example/x",
            "https://api.example@evil.example/api/v2/routing/skillgroups",
            "https://api.example.evil/api/v2/routing/skillgroups",
            "/api/v2/users/../secret",
            "/api/v2/routing/skillgroups/../../../v2/users",
            "/api/v2/routing/skillgroups\t/../../users?",
            "after=x",
            "",
        ] {
            let Err(CallError::Unavailable { answer, .. }) = next(elsewhere) else {
                panic!("{elsewhere} was followed")
            };
            assert!(answer.message.contains("nextUri leads out of the listing"), "{answer}");
        }
    }

    /// The path as it goes over the wire.
    fn sent(path: &ApiPath) -> Url {
        Url::parse(&format!("https://api.example{path}")).unwrap()
    }

    #[test]
    fn no_text_leads_to_another_route() {
        for (text, can_be_one) in hostile() {
            let path = ApiPath::new("/api/v2/users/externalid").segment("hr").and_then(|path| path.segment(&text));
            assert_eq!(path.is_ok(), can_be_one, "{text:?}");
            let reversed = ApiPath::new("/api/v2/users/externalid").segment(&text).and_then(|path| path.segment("hr"));
            for path in [path, reversed].into_iter().flatten() {
                let url = sent(&path);
                let segments: Vec<_> = url.path_segments().unwrap().collect();
                assert_eq!((segments.len(), &segments[..4]), (6, ["api", "v2", "users", "externalid"].as_slice()));
                assert_eq!(url.query(), None, "{text:?}");
            }
            let url = sent(&ApiPath::new("/api/v2/scim/v2/users").query("filter", &text).query("count", 25));
            assert_eq!(url.path(), "/api/v2/scim/v2/users");
            let pairs: Vec<_> = url.query_pairs().collect();
            assert_eq!(pairs, [("filter".into(), text.as_str().into()), ("count".into(), "25".into())]);
        }
    }
}
