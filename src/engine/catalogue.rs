//! The names of skills and groups, cached.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::cache::{Ages, Cache};
use super::port::{CallError, CatalogueItem, CatalogueListing, Errand, Extent, Genesys, UpstreamAnswer};
use crate::domain::entry::AssignmentName;
use crate::domain::text::folded;
use crate::domain::{AssignmentId, Target};

/// The catalogue of one target as it was at one time.
#[derive(Debug)]
pub(super) struct Catalogue {
    names: HashMap<AssignmentId, Box<str>>,
    by_name: HashMap<Box<str>, Vec<AssignmentId>>,
    by_folded_name: HashMap<Box<str>, Vec<AssignmentId>>,
    /// What the configuration lists as managed, as far as it is in the catalogue.
    managed: Arc<BTreeSet<AssignmentId>>,
    extent: Extent,
    taken_in: AtomicBool,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match<T> {
    One(T),
    Several(usize),
    None,
}

impl Catalogue {
    fn new(listing: CatalogueListing, managed: &[AssignmentName]) -> Self {
        let CatalogueListing { items, extent } = listing;
        let (mut by_name, mut by_folded_name) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for item in &items {
            by_name.entry(item.name.clone()).or_default().push(item.id);
            by_folded_name.entry(folded(&item.name).into()).or_default().push(item.id);
        }
        let names = items.into_iter().map(|item| (item.id, item.name)).collect();
        let mut catalogue =
            Self { names, by_name, by_folded_name, managed: Arc::default(), extent, taken_in: AtomicBool::new(false) };
        let managed = managed.iter().filter_map(|name| match catalogue.find(name) {
            Match::One(id) => Some(id),
            Match::Several(_) | Match::None => None,
        });
        catalogue.managed = Arc::new(managed.collect());
        catalogue
    }

    /// The same with one item more.
    fn with(&self, item: CatalogueItem, managed: &[AssignmentName]) -> Self {
        let known = self.names.iter().map(|(id, name)| CatalogueItem { id: *id, name: name.clone() });
        Self::new(CatalogueListing { items: known.chain([item]).collect(), extent: self.extent }, managed)
    }

    /// The assignment that is meant: by its exact name, else by its name without regard to case and outer blanks.
    pub(super) fn find(&self, name: &AssignmentName) -> Match<AssignmentId> {
        match name {
            AssignmentName::Id(id) if self.names.contains_key(id) => Match::One(*id),
            AssignmentName::Id(_) => Match::None,
            AssignmentName::Name(name) => {
                let exact = self.by_name.get(name.as_ref());
                match exact.or_else(|| self.by_folded_name.get(&*folded(name))).map(Vec::as_slice) {
                    Some([one]) => Match::One(*one),
                    Some(several) => Match::Several(several.len()),
                    None => Match::None,
                }
            }
        }
    }

    /// Why a name that is not in it may exist all the same, if it may.
    pub(super) fn doubt(&self, target: Target) -> Option<UpstreamAnswer> {
        let of = match target {
            Target::RoutingSkills => "routing skills",
            Target::WfmSkillGroups => "skill groups",
        };
        (!self.extent.complete).then(|| self.extent.lacks(of))
    }

    /// Whether its names have not been taken in yet; they count as taken in from then on.
    pub(super) fn is_new(&self) -> bool {
        !self.taken_in.swap(true, Ordering::Relaxed)
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = (AssignmentId, &str)> {
        self.names.iter().map(|(id, name)| (*id, name.as_ref()))
    }

    /// The name of an assignment.
    pub(super) fn name(&self, id: AssignmentId) -> Option<&str> {
        self.names.get(&id).map(AsRef::as_ref)
    }
}

/// A skill that was to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Skill {
    Known(AssignmentId),
    Created(CatalogueItem),
    /// So many have the name.
    Ambiguous(usize),
}

impl Skill {
    fn known(found: &Match<AssignmentId>) -> Option<Self> {
        match found {
            Match::One(id) => Some(Self::Known(*id)),
            Match::Several(number) => Some(Self::Ambiguous(*number)),
            Match::None => None,
        }
    }
}

/// A catalogue is not read again sooner for a name that is missing.
const LEAST_REST: Duration = Duration::from_secs(1);

/// The catalogues of all targets.
#[derive(Debug)]
pub(super) struct Catalogues {
    routing_skills: Cache<Arc<Catalogue>>,
    skill_groups: Cache<Arc<Catalogue>>,
    /// What the configuration lists as managed, by name or id.
    managed: Vec<AssignmentName>,
}

impl Catalogues {
    pub(super) fn new(ages: Ages, managed: Vec<AssignmentName>) -> Self {
        Self { routing_skills: Cache::new(ages, LEAST_REST), skill_groups: Cache::new(ages, LEAST_REST), managed }
    }

    /// Whether the catalogue has to be read before it can be used.
    pub(super) fn has_to_read(&self, target: Target) -> bool {
        self.of(target).usable().is_none()
    }

    /// The catalogue.
    pub(super) async fn get(
        &self,
        genesys: &dyn Genesys,
        errand: &Errand,
        target: Target,
    ) -> Result<Arc<Catalogue>, CallError> {
        Ok(Arc::clone(&self.of(target).get(|| self.read(genesys, errand, target)).await?.value))
    }

    /// The catalogue, as a reading shows it that was not begun before `since`: only that tells that a name does not exist, or
    /// what has become of one. Readings are shared, with rests between them.
    pub(super) async fn read_anew(
        &self,
        genesys: &dyn Genesys,
        errand: &Errand,
        target: Target,
        since: Instant,
    ) -> Result<Arc<Catalogue>, CallError> {
        let reading = self.of(target).begun_since(since, || self.read(genesys, errand, target)).await?;
        Ok(Arc::clone(&reading.value))
    }

    /// The skill of this name, created if there is none. Nobody else creates or reads skills meanwhile, so that of many who
    /// need the same one creates it, and no reading that began before is taken for a newer one.
    pub(super) async fn find_or_create_skill(
        &self,
        genesys: &dyn Genesys,
        errand: &Errand,
        name: &str,
    ) -> Result<Skill, CallError> {
        let (target, wanted) = (Target::RoutingSkills, AssignmentName::Name(name.trim().into()));
        let turn = self.of(target).turn().await;
        let known = self.known(target).map_or(Match::None, |catalogue| catalogue.find(&wanted));
        if let Some(known) = Skill::known(&known) {
            return Ok(known);
        }
        match genesys.create_skill(errand, name.trim()).await {
            Ok(item) => {
                turn.amend(|catalogue| Arc::new(catalogue.with(item.clone(), &self.managed)));
                Ok(Skill::Created(item))
            }
            // Somebody else was first, or the answer was lost: the listing tells.
            Err(error @ (CallError::Conflict(_) | CallError::Uncertain(_))) => {
                let reading = turn.read(|| self.read(genesys, errand, target)).await?;
                let doubt = || reading.value.doubt(target).map(CallError::unavailable);
                Skill::known(&reading.value.find(&wanted)).ok_or_else(|| doubt().unwrap_or(error))
            }
            Err(
                error @ (CallError::NotFound(_)
                | CallError::Forbidden(_)
                | CallError::TargetUnavailable(_)
                | CallError::Rejected(_)
                | CallError::Unavailable { .. }),
            ) => Err(error),
        }
    }

    /// Waits until somebody has used a catalogue that is getting old, then reads a new one.
    pub(super) async fn renew_when_due(&self, genesys: &dyn Genesys, errand: &Errand) -> Result<(), CallError> {
        let target = tokio::select! {
            () = self.routing_skills.due() => Target::RoutingSkills,
            () = self.skill_groups.due() => Target::WfmSkillGroups,
        };
        self.of(target).freshen(|| self.read(genesys, errand, target)).await
    }

    /// The catalogue as last read, if it was.
    pub(super) fn known(&self, target: Target) -> Option<Arc<Catalogue>> {
        self.of(target).newest().map(|reading| Arc::clone(&reading.value))
    }

    /// What the configuration lists as managed, by id.
    pub(super) fn managed(&self, target: Target) -> Arc<BTreeSet<AssignmentId>> {
        self.known(target).map(|catalogue| Arc::clone(&catalogue.managed)).unwrap_or_default()
    }

    async fn read(&self, genesys: &dyn Genesys, errand: &Errand, target: Target) -> Result<Arc<Catalogue>, CallError> {
        Ok(Arc::new(Catalogue::new(genesys.list_catalogue(errand, target).await?, &self.managed)))
    }

    /// The catalogues that Genesys has not answered for so long.
    pub(super) fn unreadable_for(&self, time: Duration) -> Option<&'static str> {
        let is = |target| self.of(target).unreadable_since().is_some_and(|since| since.elapsed() >= time);
        if is(Target::RoutingSkills) { Some("skills") } else { is(Target::WfmSkillGroups).then_some("skill groups") }
    }

    fn of(&self, target: Target) -> &Cache<Arc<Catalogue>> {
        match target {
            Target::RoutingSkills => &self.routing_skills,
            Target::WfmSkillGroups => &self.skill_groups,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_name_is_found_exactly_or_else_without_regard_to_case() {
        let item = |n: u128, name: &str| CatalogueItem { id: AssignmentId(Uuid::from_u128(n)), name: Box::from(name) };
        let items = vec![item(1, "Billing"), item(2, "billing"), item(3, "Claims T2"), item(4, "X"), item(5, "X")];
        let catalogue = Catalogue::new(CatalogueListing { items, extent: Extent::default() }, &[]);
        let find = |name: &str| catalogue.find(&AssignmentName::Name(name.into()));
        assert_eq!(find("Billing"), Match::One(AssignmentId(Uuid::from_u128(1))));
        assert_eq!(find("BILLING"), Match::Several(2));
        assert_eq!(find(" claims t2 "), Match::One(AssignmentId(Uuid::from_u128(3))));
        assert_eq!(find("X"), Match::Several(2));
        assert_eq!(find("Sales"), Match::None);
    }
}
