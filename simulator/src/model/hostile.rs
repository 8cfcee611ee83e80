//! Listings that mislead: they never end, repeat themselves, or contain less than they promise.

use serde_json::{Map, Value};

use super::super::dice::Dice;
use super::super::query::Query;
use super::super::scenario::Distortion;
use super::call::Call;
use super::reply::Reply;

/// Members of a listing that contain its items.
const LISTS: [&str; 3] = ["entities", "results", "Resources"];
/// The parameters that select a page.
pub(super) const PLACES: [&str; 4] = ["pageNumber", "after", "before", "startIndex"];
/// Number of pages, and below of items, that an endless listing promises.
const PAGES: u64 = 1_000_000;
const ITEMS: u64 = 500_000_000;
/// More than any page holds, so that no two invented ids are the same.
const PER_CALL: usize = 1_000;

/// Distorts a listing; any other answer stays as it is.
pub(super) fn distorted(mut reply: Reply, distortion: Distortion, call: &Call<'_>, dice: Dice) -> Reply {
    if let Some(document) = reply.document_mut()
        && let Some(name) = LISTS.into_iter().find(|name| document.get(*name).is_some_and(Value::is_array))
    {
        let list = document.get_mut(name).and_then(Value::as_array_mut);
        match (distortion, list) {
            (Distortion::Truncated, Some(list)) => list.truncate(list.len() / 2),
            (Distortion::Repeating, _) => promise(document, call, 1),
            (Distortion::Endless, list) => {
                for (index, entity) in list.into_iter().flatten().enumerate() {
                    rename(entity, dice, call.number * PER_CALL + index);
                }
                promise(document, call, call.number);
            }
            (Distortion::Truncated, None) => {}
        }
    }
    reply
}

/// Turns an entity into one that does not exist.
fn rename(entity: &mut Value, dice: Dice, nth: usize) {
    let id = dice.id("endless", u64::try_from(nth).unwrap_or(u64::MAX));
    if let Some(entity) = entity.as_object_mut() {
        entity.insert("id".to_owned(), Value::String(id.to_string()));
        if let Some(name) = entity.get("name").and_then(Value::as_str).map(|name| format!("{name} {nth}")) {
            entity.insert("name".to_owned(), Value::String(name));
        }
    }
}

/// Makes a listing claim to be the requested page, with far more to follow.
fn promise(document: &mut Map<String, Value>, call: &Call<'_>, nth: usize) {
    let asked = Query::parse(call.request.uri().query().unwrap_or_default());
    let number: u64 = asked.first("pageNumber").and_then(|number| number.parse().ok()).unwrap_or(1);
    let by_number = document.contains_key("pageNumber");
    for (name, value) in [("pageNumber", number), ("pageCount", PAGES), ("total", ITEMS), ("totalResults", ITEMS)] {
        if let Some(field) = document.get_mut(name) {
            *field = Value::from(value);
        }
    }
    let next = if by_number {
        format!("pageNumber={}", number + 1)
    } else {
        format!("after={}", super::paging::cursor_at(nth))
    };
    let size = asked.first("pageSize").map(|size| format!("&pageSize={size}")).unwrap_or_default();
    document.insert("nextUri".to_owned(), Value::String(format!("{}?{next}{size}", call.path())));
}
