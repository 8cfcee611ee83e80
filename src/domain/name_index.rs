//! Finds the skill or skill group that a name stands for.
//!
//! One rule serves every name that a person types, in a job, in a rule or in the configuration: an exact match wins;
//! otherwise, a name that reads the same matches, regardless of case. If several match, none is chosen.

use std::collections::HashMap;
use std::sync::OnceLock;

use strsim::osa_distance;

use super::AssignmentId;
use super::assignment::CatalogueItem;
use super::entry::AssignmentName;
use super::lookalike::Looks;
use super::text::folded;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match<T> {
    One(T),
    Several(usize),
    None,
}

/// Index of the names in one catalogue.
#[derive(Debug, Default)]
pub struct NameIndex {
    names: HashMap<AssignmentId, Box<str>>,
    by_name: HashMap<Box<str>, Vec<AssignmentId>>,
    by_folded_name: HashMap<Box<str>, Vec<AssignmentId>>,
    /// Index by appearance; built on first use, that is, when a name is not found.
    by_looks: OnceLock<HashMap<Box<str>, AssignmentId>>,
}

impl NameIndex {
    /// Builds the index of these items.
    pub fn new(items: impl IntoIterator<Item = CatalogueItem>) -> Self {
        let mut index = Self::default();
        for CatalogueItem { id, name } in items {
            let read = folded(&name);
            // An invisible name cannot be meant.
            if !read.is_empty() {
                index.by_name.entry(name.clone()).or_default().push(id);
                index.by_folded_name.entry(read.into()).or_default().push(id);
            }
            index.names.insert(id, name);
        }
        index
    }

    /// Returns the item that the name or id stands for.
    pub fn find(&self, name: &AssignmentName) -> Match<AssignmentId> {
        match (name, self.called(name)) {
            (AssignmentName::Id(id), _) if self.names.contains_key(id) => Match::One(*id),
            (_, []) => Match::None,
            (_, [one]) => Match::One(*one),
            (_, several) => Match::Several(several.len()),
        }
    }

    /// Returns the ids of the items with this name; empty for an id.
    fn called(&self, name: &AssignmentName) -> &[AssignmentId] {
        let AssignmentName::Name(name) = name else { return &[] };
        let exact = self.by_name.get(name.as_ref());
        exact.or_else(|| self.by_folded_name.get(&*folded(name))).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the items with this name, sorted by name.
    pub fn all_called(&self, name: &AssignmentName) -> Vec<CatalogueItem> {
        let mut called: Vec<_> = self.called(name).iter().filter_map(|id| self.item(*id)).collect();
        called.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        called
    }

    /// Returns an item whose name looks like `name`. Meant for names that are not found.
    pub fn lookalike(&self, name: &str) -> Option<CatalogueItem> {
        let by_looks = self.by_looks.get_or_init(|| {
            let mut names: Vec<_> = self.names.iter().map(|(id, name)| (name, *id)).collect();
            // Of several names that look the same, the first one is proposed: it is inserted last.
            names.sort_unstable_by(|one, other| other.cmp(one));
            let forms = names.into_iter().flat_map(|(name, id)| Looks::of(name).forms().map(|form| (form, id)));
            forms.filter(|(form, _)| !form.is_empty()).collect()
        });
        Looks::of(name).forms().iter().find_map(|form| by_looks.get(form)).and_then(|id| self.item(*id))
    }

    /// Returns the item with the most similar spelling: at most one edit away, or two for names of eight or more
    /// characters. `None` for names of fewer than four characters; a name with different digits does not count as
    /// similar.
    pub fn nearest(&self, name: &str) -> Option<CatalogueItem> {
        let wanted = folded(name);
        let length = wanted.chars().count();
        let most = match length {
            0..4 => return None,
            4..8 => 1,
            _ => 2,
        };
        let is_near = |known: &str| known.chars().count().abs_diff(length) <= most && digits(known).eq(digits(&wanted));
        let near = self.by_folded_name.iter().filter(|(known, _)| is_near(known));
        let measured = near.map(|(known, ids)| (osa_distance(known, &wanted), known, ids));
        let (_, _, ids) = measured.filter(|(distance, ..)| *distance <= most).min()?;
        self.item(*ids.first()?)
    }

    /// Returns all items.
    pub fn all(&self) -> impl Iterator<Item = (AssignmentId, &str)> {
        self.names.iter().map(|(id, name)| (*id, name.as_ref()))
    }

    /// Returns the name of an item.
    pub fn name(&self, id: AssignmentId) -> Option<&str> {
        self.names.get(&id).map(AsRef::as_ref)
    }

    fn item(&self, id: AssignmentId) -> Option<CatalogueItem> {
        self.names.get(&id).map(|name| CatalogueItem { id, name: name.clone() })
    }
}

fn digits(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|character| character.is_numeric())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> AssignmentId {
        AssignmentId(Uuid::from_u128(n))
    }

    fn index(names: &[&str]) -> NameIndex {
        NameIndex::new((1..).zip(names).map(|(n, name)| CatalogueItem { id: id(n), name: (*name).into() }))
    }

    fn find(index: &NameIndex, name: &str) -> Match<AssignmentId> {
        index.find(&AssignmentName::Name(name.into()))
    }

    #[test]
    fn a_name_is_found_exactly_or_else_as_it_reads() {
        let index =
            index(&["Billing", "billing", "Claims\u{a0}T2", "X", "X", "Gestio\u{301}n", "Sa\u{ad}les", "\u{200b}"]);
        for (name, found) in [
            ("Billing", Match::One(id(1))),
            ("BILLING", Match::Several(2)),
            ("Billing ", Match::Several(2)),
            (" claims  t2 ", Match::One(id(3))),
            ("X", Match::Several(2)),
            ("GESTIÓN", Match::One(id(6))),
            ("Sales", Match::One(id(7))),
            ("\u{feff}sales\u{200e}", Match::One(id(7))),
            ("Sale", Match::None),
            ("\u{200b}", Match::None),
            ("", Match::None),
        ] {
            assert_eq!(find(&index, name), found, "{name:?}");
        }
        assert_eq!(index.find(&AssignmentName::Id(id(2))), Match::One(id(2)));
        assert_eq!(index.find(&AssignmentName::Id(id(99))), Match::None);
        let called = index.all_called(&AssignmentName::Name("BILLING".into()));
        assert_eq!(called.iter().map(|item| &*item.name).collect::<Vec<_>>(), ["Billing", "billing"]);
    }

    #[test]
    fn what_looks_the_same_is_proposed_and_so_is_what_is_spelt_almost_so() {
        let index = index(&["Billing", "Claims T2", "VIP", "Sales", "Travel insurance"]);
        let named = |found: Option<CatalogueItem>| found.map(|item| item.name.into_string());
        for (name, like, near) in [
            ("Вilling", Some("Billing"), Some("Billing")),
            ("Biling", None, Some("Billing")),
            ("Bliling", None, Some("Billing")),
            ("Claims T3", None, None),
            ("Calims T2", None, Some("Claims T2")),
            ("VIPs", None, Some("VIP")),
            ("Salse", None, Some("Sales")),
            ("Trawel insurence", None, Some("Travel insurance")),
            ("", None, None),
        ] {
            assert_eq!(named(index.lookalike(name)).as_deref(), like, "{name}");
            assert_eq!(named(index.nearest(name)).as_deref(), near, "{name}");
        }
    }
}
