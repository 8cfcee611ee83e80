//! Names that Genesys lacks: what is told of them, and of which no skill is created.

use unicode_security::skeleton;

use crate::domain::name_index::NameIndex;
use crate::domain::text::{holds_unseen, quoted};
use crate::engine::job::outcome::Failure;
use crate::engine::port::CatalogueItem;

/// Why no skill is created of a name. Skills cannot be given another name, so a person has to look at it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Unfit {
    /// It can be taken for the name of this one.
    LooksLike(CatalogueItem),
    /// It holds characters that nobody sees.
    HoldsUnseen,
    /// It holds what looks like a level, as in `Billing:4,5` or `Billing:5,VIP:3`: a cell that was taken for one name.
    HoldsALevel,
    /// It ends where a level would begin, in what is no number: `Billing:`, `Billing:NaN`, `Billing:*`.
    LacksItsLevel,
    /// There is neither a letter nor a digit in it.
    SaysNothing,
}

impl Unfit {
    /// Whether a name that is not among these is fit for a new skill.
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

    /// Why an entry that lists the name cannot go on.
    pub(in crate::engine) fn failure(&self, name: &str) -> Failure {
        match self {
            Self::LooksLike(CatalogueItem { id, name: other }) => Failure::assignment_not_found(
                name,
                &format!(
                    "It has {} ({id}), which looks the same{}: correct the name, or create it there if it is another one.",
                    quoted(other),
                    written_differently(name, other)
                ),
            ),
            Self::HoldsUnseen => Failure::assignment_not_found(
                name,
                "The name holds characters that are not shown, so it is not created: take them out, or create it there if \
                 they belong to it.",
            ),
            Self::HoldsALevel => Failure::assignment_not_found(
                name,
                "It looks like skills with their levels, so it is not created: separate skills by ';' and write decimals with \
                 a point; or create it there, if this is its name.",
            ),
            Self::LacksItsLevel => Failure::assignment_not_found(
                name,
                "It looks like a skill whose level is missing or no number, so it is not created: write the level in digits behind \
                 one ':'; or create it there, if this is its name.",
            ),
            Self::SaysNothing => Failure::assignment_not_found(
                name,
                "The name has neither a letter nor a digit, so it is not created: correct it, or create it there if this is its name.",
            ),
        }
    }
}

/// Of two names that look the same, how each is written.
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

/// What stands behind each sign that separates a name from its level; colons and equals signs are meant in all their forms.
fn behind_signs(name: &str) -> impl DoubleEndedIterator<Item = &str> {
    let is_sign =
        |c: char| matches!(c, ':' | '=' | '＝') || !c.is_ascii() && skeleton(c.encode_utf8(&mut [0; 4])).eq([':']);
    name.split(is_sign).skip(1).collect::<Vec<_>>().into_iter()
}

/// Digits and numbers of every script are meant.
fn holds_a_level(name: &str) -> bool {
    let before_digits = |c: char| c.is_whitespace() || matches!(c, '+' | '-' | '.' | ',');
    let is_level = |text: &str| {
        let text = text.trim_start_matches(before_digits);
        text.starts_with(char::is_numeric) || !text.is_empty() && text.trim_end().chars().all(is_ideographic_number)
    };
    behind_signs(name).any(is_level)
}

/// Whether the name ends in a sign with no word behind it, or with what programs write for a number that is none; or whether something is
/// to be left as it is.
fn lacks_its_level(name: &str) -> bool {
    if behind_signs(name).any(|text| text.trim_start().starts_with(['*', '＊', '∗'])) {
        return true;
    }
    behind_signs(name).next_back().is_some_and(|last| {
        let word = last.trim_matches(|c: char| !c.is_alphanumeric());
        word.is_empty() || ["nan", "inf", "infinity"].iter().any(|none| word.eq_ignore_ascii_case(none))
    })
}

/// Unicode takes them for letters, as they begin words as well.
fn is_ideographic_number(character: char) -> bool {
    "〇零一二三四五六七八九十百千万萬億亿兩两壹贰貳叁參肆伍陆陸柒捌玖拾佰仟".contains(character)
}

/// Names for which something similar is looked for, of one look at a job: more of them come from a wrong column.
const MAX_PROPOSED_FOR: usize = 10;

/// What may have been meant by names that are missing.
#[derive(Debug)]
pub(in crate::engine) struct Proposals {
    left: usize,
}

impl Proposals {
    /// For the names of one look.
    pub(in crate::engine) fn some() -> Self {
        Self { left: MAX_PROPOSED_FOR }
    }

    /// None.
    pub(in crate::engine) fn none() -> Self {
        Self { left: 0 }
    }

    /// Why an entry that lists a name which Genesys lacks cannot go on, with what may have been meant.
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
            ("Sa\u{ad}les", "\"Sa\\u{ad}les\". The name holds characters that are not shown"),
            ("Sales:5", "separate skills by ';'"),
            ("Sales:", "a skill whose level is missing or no number"),
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
