//! The removal thresholds: whether a job would take away so much that a person should look first.

use std::collections::BTreeMap;

use super::AssignmentId;

/// A share in hundredths, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    /// The whole: as a threshold it is never exceeded.
    pub const ALL: Self = Self(100);

    /// A share, if it is not more than the whole.
    pub fn new(hundredths: u8) -> Option<Self> {
        (hundredths <= Self::ALL.0).then_some(Self(hundredths))
    }

    /// The share in hundredths.
    pub fn value(self) -> u8 {
        self.0
    }

    fn is_exceeded_by(self, part: u32, whole: u32) -> bool {
        u64::from(part) * 100 > u64::from(whole) * u64::from(self.0)
    }
}

/// How much a job may take away without being looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldThresholds {
    /// Of the job's users, who may lose something.
    pub users_percent: Percent,
    /// Fewer users than these are never too many, neither of the job nor of those who have a skill: in a small team, or
    /// of a rare skill, every change is a large share.
    pub users_min: u32,
    /// Of the job's users who have a skill, who may lose it.
    pub skill_percent: Percent,
}

impl HoldThresholds {
    /// Whether a job of so many users can exceed them at all.
    pub fn concern(self, users: usize) -> bool {
        let some = [self.users_percent, self.skill_percent].into_iter().any(|percent| percent < Percent::ALL);
        some && u32::try_from(users).unwrap_or(u32::MAX) >= self.users_min.max(1)
    }

    /// Whether a job that weighs this much has to be looked at first.
    pub fn are_exceeded_by(self, weight: &Weight) -> bool {
        self.too_many_users(weight) || weight.skills.values().any(|share| self.too_much_of(*share))
    }

    /// What is to be looked at if a job weighs this much: the skills that are lost, the largest losses first.
    pub fn held(self, weight: &Weight, name: impl Fn(AssignmentId) -> Option<Box<str>>) -> Hold {
        let mut skills: Vec<_> = weight.skills.iter().filter(|(_, share)| share.lose > 0).collect();
        skills.sort_by_key(|(id, share)| (!self.too_much_of(**share), std::cmp::Reverse(share.lose), **id));
        let losses = skills.into_iter().take(Hold::MOST_SKILLS).map(|(id, share)| SkillLoss {
            id: *id,
            name: name(*id),
            users: share.lose,
            holders: share.have,
        });
        let hold = Hold { users: weight.lose, of_users: weight.users, skills: losses.collect(), message: "".into() };
        Hold { message: self.message(weight, &hold).into(), ..hold }
    }

    fn too_many_users(self, weight: &Weight) -> bool {
        weight.lose >= self.users_min.max(1) && self.users_percent.is_exceeded_by(weight.lose, weight.users)
    }

    fn too_much_of(self, share: Share) -> bool {
        share.lose >= self.users_min.max(1) && self.skill_percent.is_exceeded_by(share.lose, share.have)
    }

    fn message(self, weight: &Weight, hold: &Hold) -> String {
        let mut reasons = Vec::new();
        if self.too_many_users(weight) {
            let most = self.users_percent.value();
            reasons.push(format!("{} of its {} users would lose something ({most} % may)", hold.users, hold.of_users));
        }
        let too_much =
            hold.skills.iter().filter(|loss| self.too_much_of(Share { lose: loss.users, have: loss.holders }));
        if let Some(loss) = too_much.clone().next() {
            let name = loss.name.as_ref().map_or_else(|| loss.id.to_string(), |name| format!("{name:?}"));
            let others = match too_much.count() - 1 {
                0 => String::new(),
                others => format!(", and {others} more such skills"),
            };
            let (users, holders, most) = (loss.users, loss.holders, self.skill_percent.value());
            reasons
                .push(format!("{users} of the {holders} users who have {name} would lose it ({most} % may){others}"));
        }
        format!(
            "{}. Nothing has been written: look at what would be removed, then apply the job to carry it out, or cancel it.",
            reasons.join("; ")
        )
    }
}

/// Of the users of a job, how many have a skill, and how many of those lose it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Share {
    have: u32,
    lose: u32,
}

/// What a job would take away, added up user by user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weight {
    users: u32,
    lose: u32,
    skills: BTreeMap<AssignmentId, Share>,
}

impl Weight {
    /// Adds a user who has, and would lose, these; what is lost is part of what they have.
    pub fn add(&mut self, has: impl IntoIterator<Item = AssignmentId>, loses: &[AssignmentId]) {
        self.users += 1;
        self.lose += u32::from(!loses.is_empty());
        for id in has {
            self.skills.entry(id).or_default().have += 1;
        }
        for id in loses {
            self.skills.entry(*id).or_default().lose += 1;
        }
    }
}

/// Why a job is held: what it would take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Users who would lose something.
    pub users: u32,
    /// Users of the job.
    pub of_users: u32,
    /// What would be lost, the largest losses first; not all of it if it is a lot.
    pub skills: Vec<SkillLoss>,
    /// What is too much about it, and what to do.
    pub message: Box<str>,
}

impl Hold {
    /// Skills listed at most.
    pub const MOST_SKILLS: usize = 20;
}

/// A skill or group that users would lose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillLoss {
    pub id: AssignmentId,
    pub name: Option<Box<str>>,
    /// Users who would lose it.
    pub users: u32,
    /// Users of the job who have it, as far as is known.
    pub holders: u32,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const DEFAULT: HoldThresholds =
        HoldThresholds { users_percent: Percent(20), users_min: 20, skill_percent: Percent(50) };

    fn skill(n: u128) -> AssignmentId {
        AssignmentId(Uuid::from_u128(n))
    }

    /// `lose` users lose skill 1, `keep` users keep it, `others` have nothing.
    fn weight(lose: u32, keep: u32, others: u32) -> Weight {
        let mut weight = Weight::default();
        (0..lose).for_each(|_| weight.add([skill(1)], &[skill(1)]));
        (0..keep).for_each(|_| weight.add([skill(1)], &[]));
        (0..others).for_each(|_| weight.add([], &[]));
        weight
    }

    #[test]
    fn both_the_share_and_the_number_have_to_be_too_large() {
        for (lose, keep, others, held) in [
            (100, 400, 0, false), // exactly 20 %
            (101, 399, 0, true),
            (19, 0, 0, false), // everybody, but few
            (20, 0, 0, true),
            (20, 20, 1_000, false), // exactly half of those who have it
            (21, 20, 1_000, true),
            (0, 500, 0, false),
        ] {
            assert_eq!(DEFAULT.are_exceeded_by(&weight(lose, keep, others)), held, "{lose} {keep} {others}");
        }
    }

    #[test]
    fn the_whole_is_never_exceeded() {
        let never = HoldThresholds { users_percent: Percent::ALL, users_min: 0, skill_percent: Percent::ALL };
        assert!(!never.are_exceeded_by(&weight(500, 0, 0)));
        assert!(!never.concern(500) && DEFAULT.concern(20) && !DEFAULT.concern(19));
    }

    #[test]
    fn the_summary_lists_the_largest_losses_first_and_says_what_to_do() {
        let mut weight = weight(30, 5, 5);
        (0..10).for_each(|_| weight.add([skill(2), skill(3)], &[skill(3)]));
        let hold = DEFAULT.held(&weight, |id| (id == skill(1)).then(|| "Billing".into()));
        assert_eq!((hold.users, hold.of_users), (40, 50));
        let losses: Vec<_> = hold.skills.iter().map(|loss| (loss.id, loss.users, loss.holders)).collect();
        assert_eq!(losses, [(skill(1), 30, 35), (skill(3), 10, 10)]);
        assert!(hold.message.starts_with(
            "40 of its 50 users would lose something (20 % may); 30 of the 35 users who have \"Billing\" would lose it (50 % may)."
        ), "{}", hold.message);
        assert!(hold.message.ends_with("apply the job to carry it out, or cancel it."));
    }
}
