//! Reads listings page by page: detects the last page, gaps, and listings that make no progress.

use std::collections::HashSet;

use uuid::Uuid;

use super::answer::unreadable;
use super::call::Route;
use crate::engine::port::{CallError, Extent};

/// Description of a listing.
#[derive(Debug, Clone, Copy)]
pub(super) struct PagedListing {
    pub(super) route: Route,
    /// What the listing contains, for messages.
    pub(super) of: &'static str,
    /// Word for none of it, for messages.
    pub(super) none: &'static str,
    /// Number of entities on a page that is not the last.
    pub(super) page_size: usize,
    /// Maximum number of pages that Genesys returns, whatever it announces.
    pub(super) most_pages: Option<u32>,
}

/// An element of a listing.
pub(super) trait Entity {
    fn id(&self) -> Uuid;
}

/// Metadata of a page.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks<'a> {
    pub(super) page_count: Option<u32>,
    pub(super) total: Option<usize>,
    pub(super) next_uri: Option<&'a str>,
}

/// Maximum number of consecutive empty pages in a listing that announces more.
const MAX_EMPTY: u32 = 3;
/// Maximum number of pages of any listing.
const MAX_PAGES: u32 = 10_000;
/// Pages allowed beyond twice the number that follows from the total; after that, the listing counts as endless.
const SPARE_PAGES: usize = 10;

/// A listing that is being read.
///
/// Invariant: the reading ends. All but a few pages show something new, and the number of pages is bounded.
#[derive(Debug)]
pub(super) struct ListingReading {
    listing: PagedListing,
    seen: HashSet<Uuid>,
    cursors: HashSet<Box<str>>,
    pages: u32,
    largest_page: usize,
    empty_in_a_row: u32,
    /// Whether a page was empty although others followed, or someone left while the pages were read: entities that
    /// moved up because of that may be on no page.
    has_gap: bool,
    /// Whether pages linked to their successor, so that the last page is the one without a link.
    has_links: bool,
    /// The total reported first. A total that grows with each page must not make the listing endless.
    promised: Option<usize>,
    total: Option<usize>,
    /// Whether the listing has more entities than Genesys returns.
    is_cut: bool,
}

impl ListingReading {
    pub(super) fn new(listing: PagedListing) -> Self {
        Self {
            listing,
            seen: HashSet::new(),
            cursors: HashSet::new(),
            pages: 0,
            largest_page: 0,
            empty_in_a_row: 0,
            has_gap: false,
            has_links: false,
            promised: None,
            total: None,
            is_cut: false,
        }
    }

    /// Returns the number of the next page.
    pub(super) fn next_page(&self) -> u32 {
        self.pages + 1
    }

    /// Records a page of a listing with page numbers; returns whether another one follows.
    pub(super) fn numbered<T: Entity>(&mut self, entities: &[T], marks: Marks<'_>) -> Result<bool, CallError> {
        let new = self.take(entities, marks.total);
        let has_all = self.total.is_some_and(|total| self.seen.len() >= total);
        let more = match marks.page_count.filter(|count| *count > 0 || entities.is_empty()) {
            // Once all entities are known, a page without new ones is the last, whatever is announced.
            Some(count) => self.pages < count && !(new == 0 && has_all),
            None if marks.next_uri.is_some() => !(new == 0 && has_all),
            None if self.has_links => false,
            // A server may return fewer entities per page than requested: only a page without new entities is past the
            // end.
            None => !has_all && !entities.is_empty() && (new > 0 || entities.len() >= self.listing.page_size),
        };
        self.has_links |= marks.next_uri.is_some();
        if more && self.listing.most_pages.is_some_and(|most| self.pages >= most) {
            self.is_cut = true;
            return Ok(false);
        }
        self.check(more, new, entities.len())
    }

    /// Records a page of a listing with cursors; returns whether another one follows.
    pub(super) fn by_cursor<T: Entity>(&mut self, entities: &[T], marks: Marks<'_>) -> Result<bool, CallError> {
        let new = self.take(entities, marks.total);
        let Some(next) = marks.next_uri else { return Ok(false) };
        if !self.cursors.insert(next.into()) {
            return Err(self.stalled("leads to a page that was read before"));
        }
        self.check(true, new, entities.len())
    }

    /// Returns how much of the listing was read.
    pub(super) fn extent(&self) -> Extent {
        let (shown, total) = (self.seen.len(), self.total);
        let has_all = total.is_none_or(|total| shown >= total);
        let complete = has_all && !self.has_gap && !self.is_cut;
        Extent { pages: self.pages, shown, total, complete, is_cut: self.is_cut }
    }

    /// Returns whether a page after the first was refused because Genesys returns no more of this listing.
    pub(super) fn ends_with(&mut self, error: &CallError) -> bool {
        let ends = self.listing.most_pages.is_some() && self.pages > 0 && matches!(error, CallError::Rejected(_));
        self.is_cut |= ends;
        ends
    }

    /// Records the entities and returns how many of them are new.
    fn take<T: Entity>(&mut self, entities: &[T], total: Option<usize>) -> usize {
        self.pages += 1;
        self.largest_page = self.largest_page.max(entities.len());
        let new = entities.iter().filter(|entity| self.seen.insert(entity.id())).count();
        // A total of zero on a page with entities means nothing.
        if let Some(total) = total.filter(|total| *total > 0 || self.seen.is_empty()) {
            self.has_gap |= self.total.is_some_and(|before| total < before);
            self.promised = self.promised.or(Some(total));
            self.total = Some(total);
        }
        new
    }

    fn check(&mut self, more: bool, new: usize, shown: usize) -> Result<bool, CallError> {
        if !more {
            return Ok(false);
        }
        self.empty_in_a_row = if shown == 0 { self.empty_in_a_row + 1 } else { 0 };
        self.has_gap |= shown == 0;
        if new == 0 && (shown > 0 || self.empty_in_a_row > MAX_EMPTY) {
            return Err(self.stalled(&format!("shows {} new", self.listing.none)));
        }
        if self.pages >= self.most_pages() {
            return Err(self.stalled("exceeds the possible number of pages, but another one is announced"));
        }
        Ok(true)
    }

    fn most_pages(&self) -> u32 {
        let by_total = self.promised.map(|total| 2 * total.div_ceil(self.largest_page.max(1)) + SPARE_PAGES);
        by_total.and_then(|pages| u32::try_from(pages).ok()).unwrap_or(MAX_PAGES).min(MAX_PAGES)
    }

    fn stalled(&self, page_does: &str) -> CallError {
        let Self { listing, pages, .. } = self;
        unreadable(listing.route, &format!("the listing of {} does not progress: page {pages} {page_does}", listing.of))
    }
}

/// Returns the entities of a page. A body without entities is no page, unless the total is zero.
pub(super) fn entities<T>(
    listing: PagedListing,
    entities: Option<Vec<T>>,
    total: Option<usize>,
) -> Result<Vec<T>, CallError> {
    match (entities, total) {
        (Some(entities), _) => Ok(entities),
        (None, Some(0)) => Ok(Vec::new()),
        (None, _) => {
            Err(unreadable(listing.route, &format!("a page of the listing of {} has no entities", listing.of)))
        }
    }
}

#[cfg(test)]
mod tests;
