//! The search for users: `POST /api/v2/users/search`.

use std::cmp::{Ordering, Reverse};

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::scenario::UserState;
use super::Model;
use super::call::Call;
use super::org::User;
use super::paging::Page;
use super::reply::Reply;
use super::users::Expand;

/// A search; other fields are ignored, as by the real API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Search {
    #[serde(default)]
    query: Vec<Criterion>,
    page_size: Option<usize>,
    page_number: Option<usize>,
    #[serde(flatten)]
    first: Sort,
    /// Further orders, for users whom the first one leaves equal.
    #[serde(default)]
    sort: Vec<Sort>,
    #[serde(default)]
    expand: Vec<String>,
}

/// The field by which hits are sorted, and the direction.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sort {
    sort_by: Option<String>,
    #[serde(default)]
    sort_order: SortOrder,
}

impl Sort {
    fn apply(&self, found: &mut [&User]) {
        let Some(field) = &self.sort_by else { return };
        match self.sort_order {
            SortOrder::Asc => found.sort_by_cached_key(|user| text(user, field)),
            SortOrder::Desc => found.sort_by_cached_key(|user| Reverse(text(user, field))),
            SortOrder::Score => {}
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum SortOrder {
    #[default]
    Asc,
    Desc,
    /// All hits are equally good, so they keep the order of listings.
    Score,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Criterion {
    #[serde(rename = "type")]
    kind: Option<Kind>,
    #[serde(default)]
    operator: Operator,
    #[serde(default)]
    group: Vec<Criterion>,
    #[serde(default)]
    fields: Vec<String>,
    value: Option<String>,
    #[serde(default)]
    values: Vec<String>,
    start_value: Option<String>,
    end_value: Option<String>,
}

/// How a criterion combines with the others: all of `AND` hold, none of `NOT`, and at least one of `OR` if there are
/// any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Operator {
    #[default]
    And,
    Or,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    Exact,
    StartsWith,
    Contains,
    Regex,
    Term,
    Terms,
    RequiredFields,
    MatchAll,
    QueryString,
    Range,
    LessThan,
    LessThanEqualTo,
    GreaterThan,
    GreaterThanEqualTo,
}

/// A criterion compiled for many users.
#[derive(Debug)]
struct Test {
    operator: Operator,
    fields: Vec<String>,
    holds: Holds,
}

/// What must hold for one of the fields. Values are in lower case.
#[derive(Debug)]
enum Holds {
    Always,
    Group(Vec<Test>),
    /// All of the fields are present.
    Present,
    Equal(Vec<String>),
    Start(Vec<String>),
    Part(Vec<String>),
    Word(Vec<String>),
    /// Each of the words occurs somewhere in the field.
    AllWords(Vec<String>),
    Pattern(Regex),
    Between(Option<Bound>, Option<Bound>),
}

#[derive(Debug)]
struct Bound {
    value: String,
    included: bool,
}

impl Criterion {
    fn test(self) -> Result<Test, Reply> {
        let (operator, fields) = (self.operator, self.fields.clone());
        Ok(Test { operator, fields, holds: self.holds()? })
    }

    fn holds(self) -> Result<Holds, Reply> {
        if !self.group.is_empty() {
            let tests: Result<Vec<Test>, Reply> = self.group.into_iter().map(Self::test).collect();
            return Ok(Holds::Group(tests?));
        }
        let kind = self.kind.ok_or_else(|| Reply::invalid("A criterion needs a type or a group."))?;
        let single = self.value.as_ref().map(|value| value.to_lowercase());
        let bound =
            |value: Option<String>, included| value.map(|value| Bound { value: value.to_lowercase(), included });
        let values: Vec<String> = self.values.iter().map(|value| value.to_lowercase()).chain(single).collect();
        Ok(match kind {
            Kind::MatchAll => Holds::Always,
            Kind::RequiredFields => Holds::Present,
            Kind::Exact => Holds::Equal(values),
            Kind::StartsWith => Holds::Start(values),
            Kind::Contains => Holds::Part(values),
            Kind::Term | Kind::Terms => Holds::Word(values),
            Kind::QueryString => {
                let words = values.iter().flat_map(|value| value.split_whitespace());
                Holds::AllWords(words.map(ToOwned::to_owned).collect())
            }
            Kind::Regex => Holds::Pattern(pattern(self.value.or_else(|| self.values.first().cloned()))?),
            Kind::Range => Holds::Between(bound(self.start_value, true), bound(self.end_value, true)),
            Kind::LessThan => Holds::Between(None, bound(self.value.or(self.end_value), false)),
            Kind::LessThanEqualTo => Holds::Between(None, bound(self.value.or(self.end_value), true)),
            Kind::GreaterThan => Holds::Between(bound(self.value.or(self.start_value), false), None),
            Kind::GreaterThanEqualTo => Holds::Between(bound(self.value.or(self.start_value), true), None),
        })
    }
}

/// Compiles a pattern that must match a whole field.
fn pattern(text: Option<String>) -> Result<Regex, Reply> {
    let text = text.ok_or_else(|| Reply::invalid("A criterion of type REGEX needs a value."))?;
    let whole = RegexBuilder::new(&format!("^(?:{text})$")).case_insensitive(true).size_limit(1_000_000).build();
    whole.map_err(|_| Reply::invalid("The regular expression cannot be read."))
}

impl Test {
    fn matches(&self, user: &User) -> bool {
        let found = || self.fields.iter().filter_map(|field| text(user, field));
        match &self.holds {
            Holds::Always => true,
            Holds::Group(tests) => all_hold(tests, user),
            Holds::Present => found().count() == self.fields.len(),
            Holds::Equal(values) => found().any(|text| values.contains(&text)),
            Holds::Start(values) => found().any(|text| values.iter().any(|value| text.starts_with(value))),
            Holds::Part(values) => found().any(|text| values.iter().any(|value| text.contains(value))),
            Holds::Word(values) => {
                let is_one = |text: &str| values.iter().any(|value| value == text);
                found().any(|text| is_one(&text) || text.split_whitespace().any(is_one))
            }
            Holds::AllWords(words) => found().any(|text| words.iter().all(|word| text.contains(word))),
            Holds::Pattern(pattern) => found().any(|text| pattern.is_match(&text)),
            Holds::Between(lower, upper) => found().any(|text| {
                let order = |bound: &Bound| compared(&text, &bound.value);
                let above = |bound: &Bound| order(bound).is_gt() || (bound.included && order(bound).is_eq());
                let below = |bound: &Bound| order(bound).is_lt() || (bound.included && order(bound).is_eq());
                lower.as_ref().is_none_or(above) && upper.as_ref().is_none_or(below)
            }),
        }
    }

    fn is_about(&self, field: &str) -> bool {
        let below = if let Holds::Group(tests) = &self.holds { tests.as_slice() } else { &[] };
        self.fields.iter().any(|own| own == field) || below.iter().any(|test| test.is_about(field))
    }
}

fn all_hold(tests: &[Test], user: &User) -> bool {
    let of = |operator| tests.iter().filter(move |test| test.operator == operator);
    let mut alternatives = of(Operator::Or).peekable();
    of(Operator::And).all(|test| test.matches(user))
        && !of(Operator::Not).any(|test| test.matches(user))
        && (alternatives.peek().is_none() || alternatives.any(|test| test.matches(user)))
}

/// Compares as numbers if both are, otherwise as texts.
fn compared(one: &str, other: &str) -> Ordering {
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one.total_cmp(&other),
        _ => one.cmp(other),
    }
}

/// Returns a field of a user in lower case; `None` if the field is not searchable.
fn text(user: &User, field: &str) -> Option<String> {
    let profile = &user.profile;
    match field {
        "id" => Some(profile.id.to_string()),
        "name" => Some(profile.name.to_lowercase()),
        "email" | "username" => Some(profile.email.to_lowercase()),
        "state" => Some(profile.state.name().to_owned()),
        "version" => Some(user.directory_version.to_string()),
        _ => None,
    }
}

impl Model {
    /// Finds the users who meet the criteria. Without a criterion for the state, only active users are found; without
    /// hits, `results` is omitted.
    pub(super) fn search_users(&mut self, call: &Call<'_>) -> Result<Reply, Reply> {
        let Search { query, page_size, page_number, first, sort, expand } = call.json()?;
        let page = Page::given(page_size, page_number, call, &self.behaviour.paging)?;
        let tests = query.into_iter().map(Criterion::test).collect::<Result<Vec<_>, _>>()?;
        let of_state = tests.iter().any(|test| test.is_about("state"));
        let mut found: Vec<&User> = self
            .seen_users()
            .filter(|user| (of_state || user.profile.state == UserState::Active) && all_hold(&tests, user))
            .collect();
        [first].iter().chain(&sort).rev().for_each(|sort| sort.apply(&mut found));
        let expand = Expand::named(|name| expand.iter().any(|asked| asked == name));
        let results: Vec<Value> = page.of_items(found.iter()).map(|user| self.entry(call, user, expand)).collect();
        let mut answer = page.counted(found.len());
        answer["types"] = json!(["users"]);
        if !results.is_empty() {
            answer["results"] = Value::Array(results);
        }
        Ok(Reply::ok(answer))
    }
}
