//! The lives of a service: it starts, stops or dies, and another one goes on with what is left in the journal.

use std::sync::Arc;
use std::time::Duration;

use genesys_simulator::Simulator;
use skillsync::clock::WallClock;
use skillsync::genesys::transport::Transport;
use skillsync::journal::{Journal, MemoryJournal};

use super::hostile::Listings;
use super::plan::{Plan, Restart};
use super::tap::Tap;
use crate::bed::{Bed, ORIGIN};
use crate::dying::{DyingJournal, Left};

/// How the service is joined to the rest of the world; planted bugs hide here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joints {
    /// On the wire to the simulator.
    pub(super) wire: fn(Transport) -> Transport,
    /// Before the journal.
    pub(super) journal: fn(Arc<DyingJournal>) -> Arc<dyn Journal>,
    /// Whether the journal says too early that something is durable.
    pub(super) lies: bool,
    /// Services beside one simulator; more than one is a bug that the checks must see.
    pub(super) services: usize,
}

/// No bug.
pub(super) const SOUND: Joints = Joints { wire: |wire| wire, journal: |journal| journal, lies: false, services: 1 };

/// What every life of a service has in common.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) simulator: Simulator,
    pub(super) tap: Tap,
    pub(super) listings: Listings,
    pub(super) clock: WallClock,
    pub(super) joints: Joints,
}

/// A service with its journal.
pub(super) struct Life {
    pub(super) bed: Bed,
    pub(super) journal: Arc<DyingJournal>,
    kept: Arc<MemoryJournal>,
}

impl World {
    pub(super) fn new(plan: &Plan, joints: Joints) -> Self {
        Self {
            simulator: Simulator::new(plan.scenario.clone()),
            tap: Tap::default(),
            listings: Listings::new(plan.hostile),
            clock: WallClock::following(ORIGIN.parse().unwrap()),
            joints,
        }
    }

    /// Starts a service on what the journal holds.
    pub(super) fn start(&self, plan: &Plan, kept: &Arc<MemoryJournal>) -> Life {
        let journal = if self.joints.lies { DyingJournal::lying(kept) } else { DyingJournal::new(kept, None, 0..0) };
        let way = |wire| {
            let heard = self.tap.around(self.listings.before(wire), &journal.dead);
            journal.wire((self.joints.wire)(heard))
        };
        let before = (self.joints.journal)(Arc::clone(&journal));
        let settings = (&plan.scenario, settings(plan));
        let bed = Bed::living(self.clock, self.simulator.clone(), kept, before, (settings.0, settings.1.as_str()), way);
        Life { bed, journal, kept: Arc::clone(kept) }
    }

    /// Ends a service whose process is dead or has stopped, and starts the next one after a pause.
    pub(super) async fn restart(&self, plan: &Plan, life: Life, how: Restart) -> Life {
        let Life { bed, journal, kept } = life;
        let pause = match how {
            Restart::Stopped { pause } => {
                bed.lifecycle.stop(Duration::from_secs(200)).await;
                pause
            }
            Restart::Killed { pause, .. } => pause,
        };
        // What has not ended by now never will.
        journal.kill(Left::Everything);
        bed.lifecycle.begin_stop();
        drop(bed);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        // A real process takes longer to start than what is on the wire to arrive.
        journal.calls_have_ended().await;
        self.tap.next_life();
        self.start(plan, &kept)
    }
}

fn settings(plan: &Plan) -> String {
    let settings = plan.settings;
    let patience = settings.patience.map(|seconds| format!("patience = '{seconds}s'\n")).unwrap_or_default();
    let hold = if settings.holds {
        "hold_users_min = 1\nhold_users_percent = 30\nhold_skill_percent = 100\n"
    } else {
        "hold_floor = 20\nhold_skill_left = 0\n"
    };
    format!("[sync]\nwrite_without_read = {}\nconflict_patience = '60s'\n{patience}{hold}", settings.write_without_read)
}
