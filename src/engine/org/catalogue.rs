//! The cached catalogues of skills and skill groups.

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

/// The catalogue of one target at one point in time.
#[derive(Debug)]
pub(in crate::engine) struct Catalogue {
    names: NameIndex,
    /// The assignments that the configuration lists as managed, as far as the catalogue has them.
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
                tracing::warn!(%name, several, "a name in sync.managed matches several assignments and is ignored; use an id");
                None
            }
            Match::None => None,
        });
        let managed = Arc::new(managed.collect());
        Self { names, managed, extent: listing.extent, taken_in: AtomicBool::new(false) }
    }

    /// Returns a copy with one more item.
    fn with(&self, item: CatalogueItem, managed: &[AssignmentName]) -> Self {
        let known = self.names.all().map(|(id, name)| CatalogueItem { id, name: name.into() });
        Self::new(CatalogueListing { items: known.chain([item]).collect(), extent: self.extent }, managed)
    }

    /// Returns the index of names.
    pub(in crate::engine) fn names(&self) -> &NameIndex {
        &self.names
    }

    /// Returns why a name missing from this catalogue may exist all the same, if the listing was incomplete.
    pub(in crate::engine) fn doubt(&self, target: Target) -> Option<UpstreamAnswer> {
        let of = match target {
            Target::RoutingSkills => "routing skills",
            Target::WfmSkillGroups => "skill groups",
        };
        (!self.extent.complete).then(|| self.extent.lacks(of))
    }

    /// Returns true on the first call only, after which the names count as learnt.
    pub(in crate::engine) fn is_new(&self) -> bool {
        !self.taken_in.swap(true, Ordering::Relaxed)
    }

    /// Returns the name of an assignment.
    pub(in crate::engine) fn name(&self, id: AssignmentId) -> Option<&str> {
        self.names.name(id)
    }
}

/// The result of looking for a skill that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Skill {
    Known(AssignmentId),
    Created(CatalogueItem),
    /// Several skills have the name.
    Ambiguous(Vec<CatalogueItem>),
    /// No skill has the name, and the name is unfit for a new one.
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

/// Minimum pause before a catalogue is read again for a missing name.
const LEAST_REST: Duration = Duration::from_secs(1);

/// The catalogues of all targets.
#[derive(Debug)]
pub(in crate::engine) struct Catalogues {
    routing_skills: Cache<Arc<Catalogue>>,
    skill_groups: Cache<Arc<Catalogue>>,
    /// Assignments that the configuration lists as managed, by name or id.
    managed: Vec<AssignmentName>,
}

impl Catalogues {
    pub(in crate::engine) fn new(ages: Ages, managed: Vec<AssignmentName>) -> Self {
        Self { routing_skills: Cache::new(ages, LEAST_REST), skill_groups: Cache::new(ages, LEAST_REST), managed }
    }

    /// Returns whether the catalogue must be read before it can be used.
    pub(in crate::engine) fn has_to_read(&self, target: Target) -> bool {
        self.of(target).usable().is_none()
    }

    /// Returns the catalogue, reading it if necessary.
    pub(in crate::engine) async fn get(
        &self,
        genesys: &dyn Genesys,
        options: &CallOptions,
        target: Target,
    ) -> Result<Arc<Catalogue>, CallError> {
        Ok(Arc::clone(&self.of(target).get(|| self.read(genesys, options, target)).await?.value))
    }

    /// Returns the catalogue from a reading that began at `since` or later. Only such a reading proves that a name does
    /// not exist, or shows what became of one. Readings are shared and have pauses between them.
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

    /// Returns the skill with this name, and creates it if there is none and the name is fit for one. Nobody else
    /// creates skills or reads them meanwhile: of many callers that need the same skill only one creates it, and no
    /// reading that began before counts as newer.
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
            // Somebody else created it first, or the answer was lost: the listing shows which.
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

    /// Waits until a catalogue in use is getting old, then refreshes it.
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

    /// Returns the catalogue as last read, if it ever was.
    pub(in crate::engine) fn known(&self, target: Target) -> Option<Arc<Catalogue>> {
        self.of(target).newest().map(|reading| Arc::clone(&reading.value))
    }

    /// Returns the ids of the assignments that the configuration lists as managed.
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

    /// Returns a name for the catalogues if Genesys has not answered for one of them for at least `time`.
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
