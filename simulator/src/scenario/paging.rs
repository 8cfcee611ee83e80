//! How listings are paged, which differs between services and is documented for few of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::route::Route;

/// What listings tell of their pages, and how large a page may be.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Paging {
    /// The listings that leave fields out or have null in them; none named means all.
    pub routes: Vec<Route>,
    /// Fields that are left out, e.g. `pageCount`; the API promises none of them.
    pub left_out: Vec<String>,
    /// Fields that are there, but null; in each listing those that it has.
    pub null: Vec<String>,
    /// The largest page of a listing; 500 where none is given.
    pub largest: BTreeMap<Route, usize>,
    /// What becomes of a call that asks for a larger page.
    pub oversized: Oversized,
}

/// What a listing does with a page size above its maximum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oversized {
    /// 400.
    #[default]
    Refused,
    /// It takes the maximum instead, and says so in `pageSize`.
    Clamped,
}
