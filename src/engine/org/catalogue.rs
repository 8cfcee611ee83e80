//! The names of skills and groups, cached.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::entry::AssignmentName;
use crate::domain::name_index::{Match, NameIndex};
use crate::domain::text::as_it_reads;
use crate::domain::{AssignmentId, Target};
use crate::engine::org::cache::{Ages, Cache};
use crate::engine::org::unknown_names::Unfit;
use crate::engine::port::{CallError, CallOptions, CatalogueItem, CatalogueListing, Extent, Genesys, UpstreamAnswer};

/// The catalogue of one target as it was at one time.
#[derive(Debug)]
pub(in crate::engine) struct Catalogue {
    names: NameIndex,
    /// What the configuration lists as managed, as far as it is in the catalogue.
    managed: Arc<BTreeSet<AssignmentId>>,
    extent: Extent,
    taken_in: AtomicBool,
}

impl Catalogue {
    fn new(listing: CatalogueListing, managed: &[AssignmentName]) -> Self {
        let names = NameIndex::new(listing.items);
        let managed = managed.iter().filter_map(|name| match names.find(name) {
            Match::One(id) => Some(id),
            Match::Several(several) => {
                tracing::warn!(%name, several, "a name of sync.managed stands for several, so for none: give an id");
                None
            }
            Match::None => None,
        });
        let managed = Arc::new(managed.collect());
        Self { names, managed, extent: listing.extent, taken_in: AtomicBool::new(false) }
    }

    /// The same with one item more.
    fn with(&self, item: CatalogueItem, managed: &[AssignmentName]) -> Self {
        let known = self.names.all().map(|(id, name)| CatalogueItem { id, name: name.into() });
        Self::new(CatalogueListing { items: known.chain([item]).collect(), extent: self.extent }, managed)
    }

    /// Its names.
    pub(in crate::engine) fn names(&self) -> &NameIndex {
        &self.names
    }

    /// Why a name that is not in it may exist all the same, if it may.
    pub(in crate::engine) fn doubt(&self, target: Target) -> Option<UpstreamAnswer> {
        let of = match target {
            Target::RoutingSkills => "routing skills",
            Target::WfmSkillGroups => "skill groups",
        };
        (!self.extent.complete).then(|| self.extent.lacks(of))
    }

    /// Whether its names have not been taken in yet; they count as taken in from then on.
    pub(in crate::engine) fn is_new(&self) -> bool {
        !self.taken_in.swap(true, Ordering::Relaxed)
    }

    /// The name of an assignment.
    pub(in crate::engine) fn name(&self, id: AssignmentId) -> Option<&str> {
        self.names.name(id)
    }
}

/// A skill that was to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Skill {
    Known(AssignmentId),
    Created(CatalogueItem),
    /// These have the name.
    Ambiguous(Vec<CatalogueItem>),
    /// There is none, and none is created of such a name.
    Unfit(Unfit),
}

impl Skill {
    fn known(names: &NameIndex, wanted: &AssignmentName) -> Option<Self> {
        match names.find(wanted) {
            Match::One(id) => Some(Self::Known(id)),
            Match::Several(_) => Some(Self::Ambiguous(names.all_called(wanted))),
            Match::None => None,
        }
    }
}

/// A catalogue is not read again sooner for a name that is missing.
const LEAST_REST: Duration = Duration::from_secs(1);

/// The catalogues of all targets.
#[derive(Debug)]
pub(in crate::engine) struct Catalogues {
    routing_skills: Cache<Arc<Catalogue>>,
    skill_groups: Cache<Arc<Catalogue>>,
    /// What the configuration lists as managed, by name or id.
    managed: Vec<AssignmentName>,
}

impl Catalogues {
    pub(in crate::engine) fn new(ages: Ages, managed: Vec<AssignmentName>) -> Self {
        Self { routing_skills: Cache::new(ages, LEAST_REST), skill_groups: Cache::new(ages, LEAST_REST), managed }
    }

    /// Whether the catalogue has to be read before it can be used.
    pub(in crate::engine) fn has_to_read(&self, target: Target) -> bool {
        self.of(target).usable().is_none()
    }

    /// The catalogue.
    pub(in crate::engine) async fn get(
        &self,
        genesys: &dyn Genesys,
        options: &CallOptions,
        target: Target,
    ) -> Result<Arc<Catalogue>, CallError> {
        Ok(Arc::clone(&self.of(target).get(|| self.read(genesys, options, target)).await?.value))
    }

    /// The catalogue, as a reading shows it that was not begun before `since`: only that tells that a name does not exist, or
    /// what has become of one. Readings are shared, with rests between them.
    pub(in crate::engine) async fn read_anew(
        &self,
        genesys: &dyn Genesys,
        options: &CallOptions,
        target: Target,
        since: Instant,
    ) -> Result<Arc<Catalogue>, CallError> {
        let reading = self.of(target).begun_since(since, || self.read(genesys, options, target)).await?;
        Ok(Arc::clone(&reading.value))
    }

    /// The skill of this name, created if there is none and the name is fit for one. Nobody else creates or reads skills
    /// meanwhile, so that of many who need the same one creates it, and no reading that began before is taken for a newer one.
    pub(in crate::engine) async fn find_or_create_skill(
        &self,
        genesys: &dyn Genesys,
        options: &CallOptions,
        name: &str,
    ) -> Result<Skill, CallError> {
        let (target, read) = (Target::RoutingSkills, as_it_reads(name));
        let wanted = AssignmentName::Name(Arc::from(&*read));
        let turn = self.of(target).turn().await;
        if let Some(catalogue) = self.known(target) {
            let known = Skill::known(catalogue.names(), &wanted);
            if let Some(found) = known.or_else(|| Unfit::of(name, catalogue.names()).map(Skill::Unfit)) {
                return Ok(found);
            }
        }
        match genesys.create_skill(options, &read).await {
            Ok(item) => {
                turn.amend(|catalogue| Arc::new(catalogue.with(item.clone(), &self.managed)));
                Ok(Skill::Created(item))
            }
            // Somebody else was first, or the answer was lost: the listing tells.
            Err(error @ (CallError::Conflict(_) | CallError::Uncertain(_))) => {
                let reading = turn.read(|| self.read(genesys, options, target)).await?;
                let doubt = || reading.value.doubt(target).map(CallError::unavailable);
                Skill::known(reading.value.names(), &wanted).ok_or_else(|| doubt().unwrap_or(error))
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
    pub(in crate::engine) async fn renew_when_due(
        &self,
        genesys: &dyn Genesys,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let target = tokio::select! {
            () = self.routing_skills.due() => Target::RoutingSkills,
            () = self.skill_groups.due() => Target::WfmSkillGroups,
        };
        self.of(target).freshen(|| self.read(genesys, options, target)).await
    }

    /// The catalogue as last read, if it was.
    pub(in crate::engine) fn known(&self, target: Target) -> Option<Arc<Catalogue>> {
        self.of(target).newest().map(|reading| Arc::clone(&reading.value))
    }

    /// What the configuration lists as managed, by id.
    pub(in crate::engine) fn managed(&self, target: Target) -> Arc<BTreeSet<AssignmentId>> {
        self.known(target).map(|catalogue| Arc::clone(&catalogue.managed)).unwrap_or_default()
    }

    async fn read(
        &self,
        genesys: &dyn Genesys,
        options: &CallOptions,
        target: Target,
    ) -> Result<Arc<Catalogue>, CallError> {
        Ok(Arc::new(Catalogue::new(genesys.list_catalogue(options, target).await?, &self.managed)))
    }

    /// The catalogues that Genesys has not answered for so long.
    pub(in crate::engine) fn unreadable_for(&self, time: Duration) -> Option<&'static str> {
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
