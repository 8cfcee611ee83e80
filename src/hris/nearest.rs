//! Finds the name that a misspelled one probably means.

use crate::domain::text::folded;

/// Minimum length for comparing parts; shorter names occur in many others by chance.
const SHORTEST_PART: usize = 2;
/// Minimum similarity of a proposed name.
const ALIKE: f64 = 0.7;

/// Returns the most similar of these names to a folded name, or `None` if none is similar enough.
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
