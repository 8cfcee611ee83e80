//! Which of several names is meant by one that is none of them.

use crate::domain::text::folded;

/// Shorter names are in many others by chance.
const SHORTEST_PART: usize = 2;
/// Names that are less alike are not proposed.
const ALIKE: f64 = 0.7;

/// The most similar of these to a folded name, if one is similar.
pub(super) fn nearest<'a>(name: &str, others: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |other: &str| {
        let other = folded(other);
        let part = name.len().min(other.len()) >= SHORTEST_PART && (other.contains(name) || name.contains(&*other));
        strsim::jaro_winkler(name, &other) + if part { 1.0 } else { 0.0 }
    };
    let rated = others.map(|other| (likeness(other), other));
    let best = rated.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, name)| name)
}
