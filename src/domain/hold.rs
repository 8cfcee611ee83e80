//! Removal thresholds: decide whether a job would remove so much that an operator should review it first.

use std::collections::BTreeMap;

use super::AssignmentId;
use super::text::quoted;

/// A percentage from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    /// The whole: as a threshold, it is never exceeded.
    pub const ALL: Self = Self(100);

    /// Returns the percentage, or `None` if it is above 100.
    pub fn new(hundredths: u8) -> Option<Self> {
        (hundredths <= Self::ALL.0).then_some(Self(hundredths))
    }

    /// Returns the percentage as a number.
    pub fn value(self) -> u8 {
        self.0
    }

    fn is_exceeded_by(self, part: u32, whole: u32) -> bool {
        u64::from(part) * 100 > u64::from(whole) * u64::from(self.0)
    }
}

/// How much a job may remove without review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldThresholds {
    /// Maximum percentage of the job's users who may lose something.
    pub users_percent: Percent,
    /// Losses of fewer users are never too many, neither among the job's users nor among those of them who have a
    /// skill: in a small team, or for a rare skill, every change is a large share.
    pub users_min: u32,
    /// The same minimum for losses that no ordinary change causes: users left with nothing, and the loss of a skill
    /// measured against all its holders in the org.
    pub floor: u32,
    /// Maximum percentage of a skill's holders who may lose it, among the job's users and in the org.
    pub skill_percent: Percent,
    /// Minimum number of holders that a skill has to keep if several people lose it within a day.
    pub skill_left: u32,
}

/// One person who changes jobs takes a skill along; that needs no review.
const SEVERAL: u32 = 2;

impl HoldThresholds {
    /// Returns whether a job with this many users can exceed the thresholds at all.
    pub fn concern(self, users: usize) -> bool {
        let least = if self.skill_left > 0 { 1 } else { self.users_min.min(self.floor).max(1) };
        self.are_on() && u32::try_from(users).unwrap_or(u32::MAX) >= least
    }

    /// Returns whether any threshold is set.
    fn are_on(self) -> bool {
        self.skill_left > 0 || [self.users_percent, self.skill_percent].iter().any(|percent| *percent < Percent::ALL)
    }

    /// Returns whether a job of this weight has to be reviewed first.
    pub fn are_exceeded_by(self, weight: &Weight) -> bool {
        self.are_exceeded_in_the_job(weight) || self.are_exceeded_in_the_org(weight)
    }

    /// Returns whether the thresholds are exceeded only because no one else in the org is known to have what is lost.
    pub fn depend_on_others(self, weight: &Weight) -> bool {
        !self.are_exceeded_in_the_job(weight) && self.are_exceeded_in_the_org(weight)
    }

    fn are_exceeded_in_the_job(self, weight: &Weight) -> bool {
        self.doubt(weight.attendance)
            || self.take_from_too_many(weight)
            || self.leave_too_many_with_nothing(weight)
            || weight.skills.values().any(|share| self.take_too_much_of(*share))
    }

    fn are_exceeded_in_the_org(self, weight: &Weight) -> bool {
        weight.skills.values().any(|share| self.take_too_much_of_the_org(*share))
    }

    /// Returns whether a skill may end up with too few holders, if no one else has it and others lose it as well.
    pub fn may_leave_few(self, share: SkillShare) -> bool {
        share.lose > 0 && share.left() < self.skill_left
    }

    /// Returns whether too large a share of a skill's holders in the org lose it, or too few keep it.
    pub fn take_too_much_of_the_org(self, share: SkillShare) -> bool {
        self.leave_too_few(share) || self.take_too_large_a_share(share)
    }

    /// Describes why a job of this weight is held, with the skills that are lost, the reasons first and then the
    /// largest losses.
    pub fn held(self, weight: &Weight, name: impl Fn(AssignmentId) -> Option<Box<str>>) -> Hold {
        let is_reason = |share: SkillShare| self.take_too_much_of(share) || self.take_too_much_of_the_org(share);
        let mut skills: Vec<_> = weight.skills.iter().filter(|(_, share)| share.lose > 0).collect();
        skills.sort_by_key(|(id, share)| (!is_reason(**share), std::cmp::Reverse(share.lose), **id));
        let losses = skills.into_iter().take(Hold::MAX_SKILLS).map(|(id, share)| SkillLoss {
            id: *id,
            name: name(*id),
            users: share.lose,
            holders: share.have,
            left: self.take_too_much_of_the_org(*share).then(|| share.left()),
        });
        let message = self.message(weight, &name);
        Hold { users: weight.lose, of_users: weight.users, skills: losses.collect(), message: message.into() }
    }

    /// Returns whether it is doubtful that the people missing from a full export have left.
    fn doubt(self, attendance: Attendance) -> bool {
        let is_in_doubt = attendance.names_hardly_anybody_again() || attendance.may_name_them_otherwise();
        is_in_doubt && self.are_on()
    }

    fn take_from_too_many(self, weight: &Weight) -> bool {
        weight.lose >= self.users_min.max(1) && self.users_percent.is_exceeded_by(weight.lose, weight.users)
    }

    fn leave_too_many_with_nothing(self, weight: &Weight) -> bool {
        weight.emptied >= self.floor.max(1) && self.users_percent.is_exceeded_by(weight.emptied, weight.users)
    }

    fn take_too_much_of(self, share: SkillShare) -> bool {
        share.lose >= self.users_min.max(1) && self.skill_percent.is_exceeded_by(share.lose, share.have)
    }

    fn take_too_large_a_share(self, share: SkillShare) -> bool {
        share.lose >= self.floor.max(1)
            && self.skill_percent.is_exceeded_by(share.lose, share.have.saturating_add(share.others))
    }

    fn leave_too_few(self, share: SkillShare) -> bool {
        self.may_leave_few(share) && share.lose.saturating_add(share.lost_by_others) >= SEVERAL
    }

    fn message(self, weight: &Weight, name: &impl Fn(AssignmentId) -> Option<Box<str>>) -> String {
        let mut reasons = Vec::new();
        let (users, users_percent, skill_percent) =
            (weight.users, self.users_percent.value(), self.skill_percent.value());
        let Attendance { missing, named_again, new_names_not_found } = weight.attendance;
        let doubted = self.doubt(weight.attendance);
        if doubted && weight.attendance.names_hardly_anybody_again() {
            reasons.push(format!(
                "the export lacks {} who would lose something, and names only {named_again} of those known from earlier exports \
                 with them: it may cover other people, or use other names for them",
                people(missing)
            ));
        }
        if doubted && weight.attendance.may_name_them_otherwise() {
            reasons.push(format!(
                "the export lacks {} who would lose something, and {} cannot be matched to an active Genesys user: \
                 these may be the same people under other names",
                people(missing),
                if new_names_not_found == 1 {
                    "1 new name in it".to_owned()
                } else {
                    format!("{new_names_not_found} new names in it")
                }
            ));
        }
        if self.take_from_too_many(weight) {
            reasons
                .push(format!("{} of its {users} users would lose something (limit: {users_percent} %)", weight.lose));
        }
        if self.leave_too_many_with_nothing(weight) {
            reasons.push(format!(
                "{} of its {users} users would be left with nothing (limit: {users_percent} %)",
                weight.emptied
            ));
        }
        let name = |id: AssignmentId| name(id).map_or_else(|| id.to_string(), |name| quoted(&name));
        let mut add = |is_reason: &dyn Fn(SkillShare) -> bool, told: &dyn Fn(SkillShare, String) -> String| {
            let mut found: Vec<_> = weight.skills.iter().filter(|(_, share)| is_reason(**share)).collect();
            found.sort_by_key(|(id, share)| (std::cmp::Reverse(share.lose), **id));
            let Some((id, share)) = found.first() else { return };
            let others = match found.len() - 1 {
                0 => String::new(),
                others => format!(", further such skills: {others}"),
            };
            reasons.push(format!("{}{others}", told(**share, name(**id))));
        };
        add(&|share| self.take_too_much_of(share), &|SkillShare { lose, have, .. }, name| {
            format!("{lose} of the {have} users of the job who have {name} would lose it (limit: {skill_percent} %)")
        });
        let of_org = |share| self.take_too_large_a_share(share) && !self.take_too_much_of(share);
        add(&of_org, &|share, name| {
            let (lose, known) = (share.lose, share.have.saturating_add(share.others));
            format!("{lose} of the {known} known holders of {name} in the org would lose it (limit: {skill_percent} %)")
        });
        add(&|share| self.leave_too_few(share), &|share, name| {
            let (left, least) = (share.left(), self.skill_left);
            let lately = match share.lost_by_others {
                0 => String::new(),
                1 => ", after 1 other user who loses or lost it within a day".to_owned(),
                others => format!(", after {others} other users who lose or lost it within a day"),
            };
            let who = match left {
                0 => "no known holder".to_owned(),
                1 => "only 1 known holder".to_owned(),
                left => format!("only {left} known holders"),
            };
            format!("{who} of {name} would remain in the org{lately} (minimum: {least})")
        });
        format!(
            "{}. Nothing has been written. Review what would be removed, then apply the job to carry it out, or cancel it.",
            reasons.join("; ")
        )
    }
}

fn people(number: u32) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{number} people") }
}

/// Whom a full export names, and whom it lacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attendance {
    /// Users whom the source named before, who are missing from the export and would lose something.
    pub missing: u32,
    /// Users whom the export names as the source did before.
    pub named_again: u32,
    /// People whom the source names for the first time and who cannot be found.
    pub new_names_not_found: u32,
}

impl Attendance {
    /// Returns whether most of the people with something to lose are missing.
    fn names_hardly_anybody_again(self) -> bool {
        self.missing > self.named_again
    }

    /// Returns whether a missing person may be in the export under a name that leads to no user.
    fn may_name_them_otherwise(self) -> bool {
        self.missing > 0 && self.new_names_not_found > 0
    }
}

/// Who has a skill, and how many of them lose it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkillShare {
    /// Users of the job who are known to have it.
    pub have: u32,
    /// Of these, users who lose it.
    pub lose: u32,
    /// Others in the org who are known to have it: as many as are needed to let the job proceed, or else all.
    pub others: u32,
    /// Others who lose it through other jobs, or have lost it within a day.
    pub lost_by_others: u32,
    /// Users of the job who gain it.
    pub gain: u32,
}

impl SkillShare {
    /// Returns the number of users who are known to keep or get it.
    fn left(self) -> u32 {
        self.have.saturating_sub(self.lose).saturating_add(self.others).saturating_add(self.gain)
    }
}

/// What a job would remove, accumulated user by user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weight {
    users: u32,
    lose: u32,
    /// Users who lose something and are to have nothing.
    emptied: u32,
    attendance: Attendance,
    skills: BTreeMap<AssignmentId, SkillShare>,
}

impl Weight {
    /// Adds a user who has `has` and would lose `loses`, a subset of it. `gets_nothing` says that the job lists nothing
    /// for the user.
    pub fn add(&mut self, has: impl IntoIterator<Item = AssignmentId>, loses: &[AssignmentId], gets_nothing: bool) {
        self.users += 1;
        self.lose += u32::from(!loses.is_empty());
        self.emptied += u32::from(!loses.is_empty() && gets_nothing);
        for id in has {
            self.skills.entry(id).or_default().have += 1;
        }
        for id in loses {
            self.skills.entry(*id).or_default().lose += 1;
        }
    }

    /// Counts assignments that a user gains and is not known to have; they matter only for skills that others lose.
    pub fn gives(&mut self, gains: impl IntoIterator<Item = AssignmentId>) {
        for id in gains {
            if let Some(share) = self.skills.get_mut(&id) {
                share.gain += 1;
            }
        }
    }

    /// Marks the job as one of a full export.
    pub fn full_export(&mut self, attendance: Attendance) {
        self.attendance = attendance;
    }

    /// Returns whether no user loses anything.
    pub fn is_nothing(&self) -> bool {
        self.lose == 0
    }

    /// Returns each skill, so that the caller can add what is known of other holders.
    pub fn shares(&mut self) -> impl Iterator<Item = (AssignmentId, &mut SkillShare)> {
        self.skills.iter_mut().map(|(id, share)| (*id, share))
    }
}

/// Why a job is held: what it would remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Users who would lose something.
    pub users: u32,
    /// Users of the job.
    pub of_users: u32,
    /// What would be lost, the largest losses first; truncated to [`Hold::MAX_SKILLS`].
    pub skills: Vec<SkillLoss>,
    /// Which thresholds are exceeded, and what to do.
    pub message: Box<str>,
}

impl Hold {
    /// Maximum number of skills listed.
    pub const MAX_SKILLS: usize = 20;
}

/// A skill or group that users would lose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillLoss {
    pub id: AssignmentId,
    pub name: Option<Box<str>>,
    /// Users who would lose it.
    pub users: u32,
    /// Users of the job who are known to have it.
    pub holders: u32,
    /// Users in the org who are known to keep or get it, if that is a reason to hold the job.
    pub left: Option<u32>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const DEFAULT: HoldThresholds = HoldThresholds {
        users_percent: Percent(20),
        users_min: 20,
        floor: 5,
        skill_percent: Percent(50),
        skill_left: 2,
    };

    fn skill(n: u128) -> AssignmentId {
        AssignmentId(Uuid::from_u128(n))
    }

    /// `lose` users lose skill 1 for another one, `keep` users keep it, and `others` have nothing, in an org in which
    /// the skill has enough other holders.
    fn weight(lose: u32, keep: u32, others: u32) -> Weight {
        let mut weight = Weight::default();
        (0..lose).for_each(|_| weight.add([skill(1)], &[skill(1)], false));
        (0..keep).for_each(|_| weight.add([skill(1)], &[], false));
        (0..others).for_each(|_| weight.add([], &[], true));
        weight.shares().for_each(|(_, share)| share.others = 1_000);
        weight
    }

    #[test]
    fn both_the_share_and_the_number_have_to_be_too_large() {
        for (lose, keep, others, held) in [
            (100, 400, 0, false), // exactly 20 %
            (101, 399, 0, true),
            (19, 0, 0, false), // all of them, but few
            (20, 0, 0, true),
            (20, 20, 1_000, false), // exactly half of those who have it
            (21, 20, 1_000, true),
            (0, 500, 0, false),
        ] {
            assert_eq!(DEFAULT.are_exceeded_by(&weight(lose, keep, others)), held, "{lose} {keep} {others}");
        }
    }

    #[test]
    fn a_few_who_are_left_with_nothing_are_too_many() {
        for (emptied, others, held) in [(4, 0, false), (5, 0, true), (5, 20, false), (6, 20, true)] {
            let mut weight = weight(0, others, 0);
            (0..emptied).for_each(|_| weight.add([skill(1)], &[skill(1)], true));
            weight.shares().for_each(|(_, share)| share.others = 1_000);
            assert_eq!(DEFAULT.are_exceeded_by(&weight), held, "{emptied} {others}");
        }
    }

    #[test]
    fn what_is_left_in_the_org_counts_however_small_the_job_is() {
        // Holders in the job who lose it and who keep it; other holders; others who lost it lately.
        for (lose, keep, others, lately, held) in [
            (1, 0, 50, 0, false),
            (1, 0, 0, 0, false), // the only holder of a skill may change jobs
            (1, 0, 1, 0, false),
            (1, 0, 1, 1, true), // the second of three on one day
            (1, 0, 2, 100, false),
            (2, 0, 0, 0, true),
            (2, 0, 1, 0, true),
            (2, 1, 1, 0, false),
            (5, 0, 5, 0, false), // half of them
            (5, 0, 4, 0, true),
            (4, 0, 2, 0, false), // too few to be too large a share
            (15, 0, 3, 0, true),
        ] {
            let mut weight = weight(lose, keep, 100);
            weight.shares().for_each(|(_, share)| (share.others, share.lost_by_others) = (others, lately));
            assert_eq!(DEFAULT.are_exceeded_by(&weight), held, "{lose} {keep} {others} {lately}");
            let off = HoldThresholds { skill_left: 0, skill_percent: Percent::ALL, ..DEFAULT };
            assert!(!off.are_exceeded_by(&weight), "{lose} {keep} {others} {lately}");
        }
    }

    #[test]
    fn a_full_export_has_to_be_believable() {
        for (missing, named_again, new_names_not_found, held) in [
            (0, 0, 5, false),
            (1, 0, 0, true),
            (1, 1, 0, false),
            (3, 2, 0, true),
            (1, 100, 1, true),
            (1, 100, 0, false),
        ] {
            let mut weight = weight(1, 200, 0);
            weight.full_export(Attendance { missing, named_again, new_names_not_found });
            assert_eq!(DEFAULT.are_exceeded_by(&weight), held, "{missing} {named_again} {new_names_not_found}");
            let off =
                HoldThresholds { users_percent: Percent::ALL, skill_percent: Percent::ALL, skill_left: 0, ..DEFAULT };
            assert!(!off.are_exceeded_by(&weight));
        }
    }

    #[test]
    fn the_whole_is_never_exceeded() {
        let never = HoldThresholds {
            users_percent: Percent::ALL,
            users_min: 0,
            floor: 0,
            skill_percent: Percent::ALL,
            skill_left: 0,
        };
        let mut weight = weight(500, 0, 0);
        weight.shares().for_each(|(_, share)| (share.others, share.lost_by_others) = (0, 500));
        assert!(!never.are_exceeded_by(&weight) && !never.concern(500));
        assert!(DEFAULT.concern(1) && !DEFAULT.concern(0));
        let none_has_to_stay = HoldThresholds { skill_left: 0, ..DEFAULT };
        assert!(none_has_to_stay.concern(5) && !none_has_to_stay.concern(4));
    }

    proptest! {
        /// The more holders a skill has, the safer it is to remove it from some.
        #[test]
        fn more_who_keep_a_skill_never_hold_a_job(
            lose in 0_u32..40, have in 0_u32..40, others in 0_u32..40, more in 0_u32..40, lately in 0_u32..5,
        ) {
            let share = SkillShare { have: have.max(lose), lose, others, lost_by_others: lately, gain: 0 };
            let safer = SkillShare { others: others + more, ..share };
            prop_assert!(DEFAULT.take_too_much_of_the_org(share) || !DEFAULT.take_too_much_of_the_org(safer));
            prop_assert!(lose > 0 || !DEFAULT.take_too_much_of_the_org(share));
        }
    }

    #[test]
    fn the_summary_lists_the_largest_losses_first_and_says_what_to_do() {
        let mut weight = weight(30, 5, 5);
        (0..10).for_each(|_| weight.add([skill(2), skill(3)], &[skill(3)], true));
        weight.shares().for_each(|(id, share)| share.others = if id == skill(3) { 1 } else { 1_000 });
        let hold = DEFAULT.held(&weight, |id| (id == skill(1)).then(|| "Billing".into()));
        assert_eq!((hold.users, hold.of_users), (40, 50));
        let losses: Vec<_> = hold.skills.iter().map(|loss| (loss.id, loss.users, loss.holders, loss.left)).collect();
        assert_eq!(losses, [(skill(1), 30, 35, None), (skill(3), 10, 10, Some(1))]);
        let third = skill(3);
        let expected = [
            "40 of its 50 users would lose something (limit: 20 %); ",
            "30 of the 35 users of the job who have \"Billing\" would lose it (limit: 50 %); ",
            &format!("10 of the 11 known holders of {third} in the org would lose it (limit: 50 %); "),
            &format!("only 1 known holder of {third} would remain in the org (minimum: 2). Nothing has been written"),
        ];
        assert!(hold.message.starts_with(&expected.concat()), "{}", hold.message);
        assert!(hold.message.ends_with("apply the job to carry it out, or cancel it."));
    }
}
