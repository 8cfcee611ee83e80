//! Names that Genesys lacks: what entries report about them, and which of them are unfit for a new skill.

use unicode_security::skeleton;

use crate::domain::name_index::NameIndex;
use crate::domain::text::{holds_unseen, quoted};
use crate::engine::job::outcome::Failure;
use crate::engine::port::CatalogueItem;

/// Why no skill is created with a name. Genesys cannot rename skills, so a person has to check the name first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Unfit {
    /// It can be mistaken for the name of this item.
    LooksLike(CatalogueItem),
    /// It contains invisible characters.
    HoldsUnseen,
    /// It contains what looks like a level, as in `Billing:4,5` or `Billing:5,VIP:3`: several skills were read as one
    /// name.
    HoldsALevel,
    /// It ends where a level would begin, with something that is not a number: `Billing:`, `Billing:NaN`, `Billing:*`.
    LacksItsLevel,
    /// It contains neither a letter nor a digit.
    SaysNothing,
}

impl Unfit {
    /// Returns why a name that is not among `names` is unfit for a new skill, or `None` if it is fit.
    pub(in crate::engine) fn of(name: &str, names: &NameIndex) -> Option<Self> {
        if let Some(other) = names.lookalike(name) {
            return Some(Self::LooksLike(other));
        }
        if holds_unseen(name) {
            return Some(Self::HoldsUnseen);
        }
        if !name.contains(char::is_alphanumeric) {
            return Some(Self::SaysNothing);
        }
        if holds_a_level(name) {
            return Some(Self::HoldsALevel);
        }
        lacks_its_level(name).then_some(Self::LacksItsLevel)
    }

    /// Returns the failure of an entry that lists the name.
    pub(in crate::engine) fn failure(&self, name: &str) -> Failure {
        match self {
            Self::LooksLike(CatalogueItem { id, name: other }) => Failure::assignment_not_found(
                name,
                &format!(
                    "It has {} ({id}), which looks the same{}: correct the name, or create it in Genesys if it is a different one.",
                    quoted(other),
                    written_differently(name, other)
                ),
            ),
            Self::HoldsUnseen => Failure::assignment_not_found(
                name,
                "The name contains invisible characters, so it is not created: remove them, or create it in Genesys if \
                 they belong to it.",
            ),
            Self::HoldsALevel => Failure::assignment_not_found(
                name,
                "It looks like skills with their levels, so it is not created: separate skills with ';' and write decimals \
                 with a point; or create it in Genesys if this is its name.",
            ),
            Self::LacksItsLevel => Failure::assignment_not_found(
                name,
                "It looks like a skill whose level is missing or not a number, so it is not created: write the level in \
                 digits after a single ':'; or create it in Genesys if this is its name.",
            ),
            Self::SaysNothing => Failure::assignment_not_found(
                name,
                "The name has neither a letter nor a digit, so it is not created: correct it, or create it in Genesys if \
                 this is its name.",
            ),
        }
    }
}

/// Shows how each of two names that look the same is written; empty if both are ASCII.
pub(in crate::engine) fn written_differently(name: &str, other: &str) -> String {
    if name.is_ascii() && other.is_ascii() {
        return String::new();
    }
    let escaped = |text: &str| -> String {
        let escape = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
        text.chars().map(escape).collect()
    };
    format!(" and is written \"{}\", not \"{}\"", escaped(other), escaped(name))
}

/// Returns the text after each sign that separates a name from its level. Colons and equals signs count in all their
/// forms.
fn behind_signs(name: &str) -> impl DoubleEndedIterator<Item = &str> {
    let is_sign =
        |c: char| matches!(c, ':' | '=' | '＝') || !c.is_ascii() && skeleton(c.encode_utf8(&mut [0; 4])).eq([':']);
    name.split(is_sign).skip(1).collect::<Vec<_>>().into_iter()
}

/// Returns whether a level follows one of the signs. Digits and numbers of every script count.
fn holds_a_level(name: &str) -> bool {
    let before_digits = |c: char| c.is_whitespace() || matches!(c, '+' | '-' | '.' | ',');
    let is_level = |text: &str| {
        let text = text.trim_start_matches(before_digits);
        text.starts_with(char::is_numeric) || !text.is_empty() && text.trim_end().chars().all(is_ideographic_number)
    };
    behind_signs(name).any(is_level)
}

/// Returns whether the name ends in a sign without a word after it or with a program's spelling of a non-number, or
/// contains the sign for "left as it is".
fn lacks_its_level(name: &str) -> bool {
    if behind_signs(name).any(|text| text.trim_start().starts_with(['*', '＊', '∗'])) {
        return true;
    }
    behind_signs(name).next_back().is_some_and(|last| {
        let word = last.trim_matches(|c: char| !c.is_alphanumeric());
        word.is_empty() || ["nan", "inf", "infinity"].iter().any(|none| word.eq_ignore_ascii_case(none))
    })
}

/// Returns whether a character is an ideographic number. Unicode classifies these as letters, because they also begin
/// words.
fn is_ideographic_number(character: char) -> bool {
    "〇零一二三四五六七八九十百千万萬億亿兩两壹贰貳叁參肆伍陆陸柒捌玖拾佰仟".contains(character)
}

/// Maximum number of missing names, per look at a job, for which a similar name is proposed. More of them come from a
/// wrong column.
const MAX_PROPOSED_FOR: usize = 10;

/// Proposals for what missing names may have meant.
#[derive(Debug)]
pub(in crate::engine) struct Proposals {
    left: usize,
}

impl Proposals {
    /// Returns proposals for the missing names of one look at a job.
    pub(in crate::engine) fn some() -> Self {
        Self { left: MAX_PROPOSED_FOR }
    }

    /// Returns no proposals.
    pub(in crate::engine) fn none() -> Self {
        Self { left: 0 }
    }

    /// Returns the failure of an entry that lists a name which Genesys lacks, with a similar name if there is one.
    pub(in crate::engine) fn failure(&mut self, name: &str, names: &NameIndex, todo: &str) -> Failure {
        let near = if self.left == 0 { None } else { names.nearest(name) };
        self.left = self.left.saturating_sub(1);
        match near {
            Some(near) => {
                let todo = format!("It has {}, which is spelt almost the same. {todo}", quoted(&near.name));
                Failure::assignment_not_found(name, &todo)
            }
            None => Failure::assignment_not_found(name, todo),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::AssignmentId;

    #[test]
    fn what_looks_like_a_level_is_no_name() {
        for name in [
            "Billing:4,5",
            "Billing: 4",
            "Billing：5",
            "Billing:５",
            "Billing=5",
            "Billing : -1",
            "A:x, B:.5",
            "Billing:٤",
            "Billing:四",
            "Billing： 十二 ",
            "Billing:Ⅳ",
            "Billing:½",
            "Billing::3",
        ] {
            assert!(holds_a_level(name), "{name}");
        }
        for name in [
            "Billing:",
            "Billing：",
            "Billing = ",
            "Billing::",
            "Billing:NaN",
            "Billing:-inf",
            "A: Infinity",
            "A:*",
            "A:*,B",
            "A=?",
            "A:-",
        ] {
            assert!(lacks_its_level(name), "{name}");
        }
        for name in [
            "Billing",
            "Billing (5)",
            "Claims: T3",
            "Level 5",
            "24/7",
            "A=B",
            "std::vector",
            "客服:三星",
            "Team: Nancy",
            "C*",
            "Info: inform",
        ] {
            assert!(!holds_a_level(name) && !lacks_its_level(name), "{name}");
        }
    }

    #[test]
    fn what_has_nothing_to_read_is_no_name() {
        let names = NameIndex::new([]);
        for name in ["*", "***", "?", "-", "：", "#/"] {
            assert_eq!(Unfit::of(name, &names), Some(Unfit::SaysNothing), "{name}");
        }
        for name in ["\u{2800}", "\u{3164}", "\u{115f}\u{1160}", "\u{ffa0}", "A\u{2800}B", "\u{200b}"] {
            assert_eq!(Unfit::of(name, &names), Some(Unfit::HoldsUnseen), "{name:?}");
        }
        for name in ["语言", "١", "Ü", "हिन्दी", "C++", "ภาษา"] {
            assert_eq!(Unfit::of(name, &names), None, "{name}");
        }
    }

    #[test]
    fn the_message_proposes_what_is_there_and_shows_what_is_not_seen() {
        let billing = CatalogueItem { id: AssignmentId(Uuid::nil()), name: "Billing".into() };
        let names = NameIndex::new([billing]);
        for (name, told) in [
            (
                "\u{412}illing",
                "\"Billing\" (00000000-0000-0000-0000-000000000000), which looks the same and is written \"Billing\", not \"\\u{412}illing\": correct",
            ),
            ("Bi1ling", "which looks the same: correct"),
            ("Sa\u{ad}les", "\"Sa\\u{ad}les\". The name contains invisible characters"),
            ("Sales:5", "separate skills with ';'"),
            ("Sales:", "a skill whose level is missing or not a number"),
            ("*", "neither a letter nor a digit"),
        ] {
            let failure = Unfit::of(name, &names).unwrap().failure(name);
            assert!(failure.message.contains(told), "{}", failure.message);
        }
        assert_eq!(Unfit::of("Sales\u{a0}T2", &names), None, "white space is a blank");
        let mut proposals = Proposals::some();
        let told = proposals.failure("Biling", &names, "Correct it.").message;
        assert_eq!(
            &*told,
            "Genesys has no assignment \"Biling\". It has \"Billing\", which is spelt almost the same. Correct it."
        );
        assert!(!Proposals::none().failure("Biling", &names, "Correct it.").message.contains("\"Billing\""));
    }
}
