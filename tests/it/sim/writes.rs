//! Writes as the service made them: calls that were computed together.

use genesys_simulator::{Effect, Target};
use tokio::time::Instant;

use super::tap::Exchange;

/// Calls that were computed together, with what they did.
pub(super) struct Write<'a> {
    pub(super) exchanges: Vec<&'a Exchange>,
    /// Indices into the history's effects.
    pub(super) effects: Vec<usize>,
}

impl Write<'_> {
    pub(super) fn sent_at(&self) -> Instant {
        self.exchanges[0].sent_at
    }

    pub(super) fn ended_at(&self) -> Instant {
        self.last().ended_at
    }

    fn last(&self) -> &Exchange {
        self.exchanges[self.exchanges.len() - 1]
    }

    pub(super) fn life(&self) -> usize {
        self.exchanges[0].life
    }

    /// Whether the last answer was telling.
    pub(super) fn passed(&self) -> bool {
        matches!(self.last().status, Some(200..=299 | 404))
    }

    /// Whether it may have been carried out, for all that the service was told.
    pub(super) fn unsure(&self) -> bool {
        !matches!(self.last().status, Some(400 | 409 | 429))
    }

    /// Whether the last answer leaves open what was done.
    pub(super) fn is_in_doubt(&self) -> bool {
        !matches!(self.last().status, Some(200..=299 | 400 | 404 | 409 | 429))
    }

    /// Whether nobody answered who could have known.
    pub(super) fn unanswered(&self) -> bool {
        matches!(self.last().status, None | Some(500 | 502 | 504))
    }
}

/// Joins the writes that belong together: a WFM write is one call, one of skills all calls up to the next read.
pub(super) fn writes<'a>(
    exchanges: &[&'a Exchange],
    reads: &[&Exchange],
    effects: &[&Effect],
    target: Target,
) -> Vec<Write<'a>> {
    let mut writes: Vec<((usize, usize), Write<'a>)> = Vec::new();
    for exchange in exchanges.iter().filter(|exchange| exchange.writes) {
        let after = reads.iter().filter(|read| read.ended_at <= exchange.sent_at).count();
        let inside = |effect: &Effect| {
            effect.request.is_some() && exchange.sent_at <= effect.at && effect.at <= exchange.ended_at
        };
        let had = (0..effects.len()).filter(|at| inside(effects[*at]));
        let place = (exchange.life, after);
        match writes.last_mut().filter(|(before, _)| target == Target::RoutingSkills && *before == place) {
            Some((_, write)) => {
                write.exchanges.push(exchange);
                write.effects.extend(had);
            }
            None => writes.push((place, Write { exchanges: vec![exchange], effects: had.collect() })),
        }
    }
    writes.into_iter().map(|(_, write)| write).collect()
}
