//! How listings are paged, which differs between services and is documented for few of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::route::Route;

/// What listings report about their pages, and how large a page may be.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Paging {
    /// The listings that omit fields or have null in them; an empty list means all.
    pub routes: Vec<Route>,
    /// Fields that are omitted, such as `pageCount`; the API guarantees none of them.
    pub left_out: Vec<String>,
    /// Fields that are present but null; in each listing, those that it has.
    pub null: Vec<String>,
    /// Maximum page size per listing; by default 500.
    pub largest: BTreeMap<Route, usize>,
    /// What happens to a call that requests a larger page.
    pub oversized: Oversized,
}

/// What a listing does with a page size above its maximum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oversized {
    /// The call is answered with 400.
    #[default]
    Refused,
    /// The maximum is used instead and reported in `pageSize`.
    Clamped,
}
