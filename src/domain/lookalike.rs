//! Recognises names that people take for the same although their characters differ: `Ｂilling` in full width, `Вilling`
//! with a Cyrillic letter, `Bi1ling` with a digit.

use icu_normalizer::ComposingNormalizer;
use unicode_security::skeleton;

use super::text::{as_it_reads, folded};

/// Appearance of a name: its skeletons (UTS #39) in lower and in upper case, regardless of width and style (NFKC).
///
/// Both cases are needed, because letters that look alike in one case need not do so in the other, and names do not
/// differ by case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    small: Box<str>,
    capital: Box<str>,
}

impl Looks {
    /// Returns the appearance of a name.
    pub fn of(name: &str) -> Self {
        let plain = ComposingNormalizer::new_nfkc();
        let name = folded(&plain.normalize(&as_it_reads(name)));
        let of = |name: &str| skeleton(name).collect::<String>().into_boxed_str();
        Self { small: of(&name), capital: of(&name.to_uppercase()) }
    }

    /// Returns whether the two names can be mistaken for each other.
    pub fn is_like(&self, other: &Self) -> bool {
        self.small == other.small || self.capital == other.capital
    }

    /// Returns both skeletons; two names look alike if they share one of them.
    pub fn forms(self) -> [Box<str>; 2] {
        [self.small, self.capital]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(one: &str, other: &str) -> bool {
        Looks::of(one).is_like(&Looks::of(other))
    }

    #[test]
    fn what_people_take_for_the_same_is_alike() {
        for (one, other) in [
            ("Billing", "Ｂｉｌｌｉｎｇ"),
            ("Billing", "Вilling"),
            ("billing", "ВILLING"),
            ("Support", "Ѕuрроrt"),
            ("Billing", "Bi1ling"),
            ("Tier-1", "Tier–1"),
            ("Bob's team", "Bob’s team"),
            ("Tier 1", "Tier I"),
            ("Line 0", "Line O"),
            ("ΟΔΟΣ", "οδος"),
            ("Office", "Oﬃce"),
        ] {
            assert!(alike(one, other) && alike(other, one), "{one} {other}");
        }
    }

    #[test]
    fn other_names_are_not_alike() {
        for (one, other) in [
            ("Billing", "Biling"),
            ("Claims T2", "Claims T3"),
            ("Gestion", "Gestión"),
            ("Mail", "Mall"),
            ("Tech Support", "TechSupport"),
            ("Продажи", "Sales"),
        ] {
            assert!(!alike(one, other), "{one} {other}");
        }
    }
}
