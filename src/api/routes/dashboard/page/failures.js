// Why entries of a job failed, as a summary of many jobs shows it: read once for each number of failures.

import { get, job as pathOf } from "./api.js";
import { byReason } from "./entries.js";

const SAMPLE = 200;
const known = new Map();

// The failed entries by reason, or `null` while they are being read; `then` is called when they are there.
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
