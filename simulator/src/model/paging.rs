//! Listings by page number and by cursor.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::scenario::{Oversized, Paging};
use super::call::Call;
use super::reply::Reply;

const MAX_PAGE_SIZE: usize = 500;
const DEFAULT_PAGE: usize = 25;

/// A page of a listing by page number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    size: usize,
    number: usize,
}

impl Page {
    pub(super) fn first() -> Self {
        Self { size: DEFAULT_PAGE, number: 1 }
    }

    pub(super) fn of(call: &Call<'_>, paging: &Paging) -> Result<Self, Reply> {
        Self::given(number(call, "pageSize")?, number(call, "pageNumber")?, call, paging)
    }

    /// Returns the page that a document asks for.
    pub(super) fn given(
        size: Option<usize>,
        number: Option<usize>,
        call: &Call<'_>,
        paging: &Paging,
    ) -> Result<Self, Reply> {
        let size = fitting(size.unwrap_or(DEFAULT_PAGE), call, paging)?;
        let number = number.unwrap_or(1);
        if number == 0 { Err(Reply::invalid("pageNumber must be at least 1.")) } else { Ok(Self { size, number }) }
    }

    /// Returns whether a full page would reach beyond the first `most` items.
    pub(super) fn is_beyond(self, most: usize) -> bool {
        self.number.saturating_mul(self.size) > most
    }

    /// Returns the items on this page.
    pub(super) fn of_items<T>(self, items: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        items.skip((self.number - 1).saturating_mul(self.size)).take(self.size)
    }

    /// Returns the document of the listing; its links keep the other parameters of the call.
    pub(super) fn listing(self, call: &Call<'_>, total: usize, entities: Vec<Value>) -> Value {
        let count = total.div_ceil(self.size);
        let link = |number: usize| Value::String(self.link(call, number));
        let mut listing = self.counted(total);
        listing["firstUri"] = link(1);
        listing["selfUri"] = link(self.number);
        listing["lastUri"] = link(count.max(1));
        listing["entities"] = Value::Array(entities);
        if self.number < count {
            listing["nextUri"] = link(self.number + 1);
        }
        if self.number > 1 {
            listing["previousUri"] = link(self.number - 1);
        }
        listing
    }

    /// Returns what every document reports about this page.
    pub(super) fn counted(self, total: usize) -> Value {
        json!({
            "pageSize": self.size, "pageNumber": self.number, "total": total, "pageCount": total.div_ceil(self.size),
        })
    }

    fn link(self, call: &Call<'_>, number: usize) -> String {
        format!("{}?pageSize={}&pageNumber={number}{}", call.path(), self.size, kept(call))
    }
}

/// Returns the parameters of a call that its links keep.
fn kept(call: &Call<'_>) -> String {
    let query = call.request.uri().query().unwrap_or_default();
    let goes = |pair: &&str| ["page", "after=", "before="].iter().any(|start| pair.starts_with(start));
    query.split('&').filter(|pair| !pair.is_empty() && !goes(pair)).flat_map(|pair| ["&", pair]).collect()
}

/// A page of a listing by cursor. Cursors are opaque to clients.
#[derive(Debug, Clone, Copy)]
pub(super) struct CursorPage {
    size: usize,
    start: usize,
}

impl CursorPage {
    pub(super) fn of(call: &Call<'_>, paging: &Paging) -> Result<Self, Reply> {
        let size = fitting(number(call, "pageSize")?.unwrap_or(DEFAULT_PAGE), call, paging)?;
        let start = match (cursor(call, "after")?, cursor(call, "before")?) {
            (Some(_), Some(_)) => return Err(Reply::invalid("after and before exclude each other.")),
            (Some(after), None) => after,
            (None, Some(before)) => before.saturating_sub(size),
            (None, None) => 0,
        };
        Ok(Self { size, start })
    }

    pub(super) fn listing<T>(self, call: &Call<'_>, items: &[T], entity: impl Fn(&T) -> Value) -> Value {
        let entities: Vec<Value> = items.iter().skip(self.start).take(self.size).map(entity).collect();
        let end = self.start + entities.len();
        let link = |name: &str, at: usize| {
            let cursor = cursor_at(at);
            Value::String(format!("{}?pageSize={}&{name}={cursor}{}", call.path(), self.size, kept(call)))
        };
        let mut listing = json!({ "entities": entities, "selfUri": call.request.uri().to_string() });
        if end < items.len() {
            listing["nextUri"] = link("after", end);
        }
        if self.start > 0 {
            listing["previousUri"] = link("before", self.start);
        }
        listing
    }
}

/// Returns the cursor for a position.
pub(super) fn cursor_at(place: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("at:{place}"))
}

/// Returns the position of a cursor.
fn cursor(call: &Call<'_>, name: &str) -> Result<Option<usize>, Reply> {
    let given = call.query.first(name).filter(|cursor| !cursor.is_empty());
    let place = |cursor| position(cursor).ok_or_else(|| Reply::invalid("The cursor is not valid."));
    given.map(place).transpose()
}

fn position(cursor: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("at:")?.parse().ok()
}

/// Returns a page size that the route accepts: the requested one, or the largest one where larger ones are clamped.
fn fitting(size: usize, call: &Call<'_>, paging: &Paging) -> Result<usize, Reply> {
    let largest = paging.largest.get(&call.route()).copied().unwrap_or(MAX_PAGE_SIZE);
    if paging.oversized == Oversized::Clamped && size > largest {
        return Ok(largest);
    }
    let fits = (1..=largest).contains(&size);
    if fits { Ok(size) } else { Err(Reply::invalid(&format!("pageSize must be between 1 and {largest}."))) }
}

fn number(call: &Call<'_>, name: &str) -> Result<Option<usize>, Reply> {
    let value = call.query.first(name).map(str::parse).transpose();
    value.map_err(|_| Reply::invalid(&format!("{name} must be a number.")))
}
