// Why entries of a job failed, for the overview of many jobs; read again only when the number of failures changes.

import { get, job as pathOf } from "./api.js";
import { byReason } from "./entries.js";

const SAMPLE = 200;
const known = new Map();

// Returns the failed entries by reason, or `null` while they are being read; calls `then` when they have arrived.
export function failuresOf(job, then) {
  const held = known.get(job.id);
  if (held?.failed === job.counts.failed) return held.groups;
  const fresh = { failed: job.counts.failed, groups: held?.groups ?? null };
  known.set(job.id, fresh);
  read(job)
    .then((groups) => ((fresh.groups = groups), then()))
    .catch(() => known.delete(job.id));
  return fresh.groups;
}

async function read(job) {
  const page = await get(`${pathOf(job.id)}/entries?state=failed&limit=${SAMPLE}`);
  return byReason(page.items).map((group) => ({ ...group, more: Boolean(page.nextCursor) }));
}
