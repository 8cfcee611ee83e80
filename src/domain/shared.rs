//! Equal values that share their memory.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Deduplicates equal values: of a hundred thousand employees, most have the assignment list of their role in common.
///
/// Values that are no longer used elsewhere are dropped before the set grows further.
#[derive(Debug)]
pub struct Shared<T: ?Sized> {
    known: HashSet<Arc<T>>,
    /// Size at which the set is next searched for unused values.
    look_at: usize,
}

/// Minimum size at which a search for unused values pays off.
const FEW: usize = 256;

impl<T: ?Sized> Default for Shared<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), look_at: FEW }
    }
}

impl<T: ?Sized + Hash + Eq> Shared<T> {
    /// Returns the shared value that equals `value`, which becomes it if there is none.
    pub fn one<V: Borrow<T> + Into<Arc<T>>>(&mut self, value: V) -> Arc<T> {
        if let Some(known) = self.known.get(value.borrow()) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.look_at {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.look_at = FEW.max(2 * self.known.len());
        }
        let new = value.into();
        self.known.insert(Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one() {
        let mut names = Shared::<str>::default();
        let (first, second, other) = (names.one("Billing"), names.one("Billing".to_owned()), names.one("Sales"));
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &other));
    }

    #[test]
    fn what_nobody_has_any_more_is_forgotten() {
        let mut numbers = Shared::<usize>::default();
        let kept: Vec<_> = (0..10).map(|n| numbers.one(n)).collect();
        for n in 0..100 * FEW {
            numbers.one(n);
        }
        assert!(numbers.known.len() <= FEW + kept.len(), "{}", numbers.known.len());
        assert!(Arc::ptr_eq(&kept[3], &numbers.one(3)));
    }
}
