// The entries of one job: read in pages, kept up to date by the event stream, and searched in memory.

import { get, job as pathOf } from "./api.js";
import { userOf } from "./format.js";
import { jobs } from "./jobs.js";
import { follow } from "./stream.js";
import { REASONS } from "./words.js";

const PAGE = 1000;
// Of the entries after these, only failed ones are kept: a page is not suited to browsing 100,000 rows.
export const MOST = 20_000;

export class Entries extends EventTarget {
  #id;
  #signal;
  #rows = [];
  #haystacks = [];
  job = null;
  fault = null;
  live = false;

  constructor(id, signal) {
    super();
    this.#id = id;
    this.#signal = signal;
  }

  // Reads the job, then its entries, and follows it while it is open.
  async start() {
    this.fault = null;
    this.#takeJob(await get(pathOf(this.#id), this.#signal));
    const ended = this.job.finishedAt !== null;
    const following = ended ? null : this.#follow();
    // Changes arrive through the stream; entries that have not started appear only in the list.
    await this.#read(ended ? "" : "&state=pending");
    await following;
    if (!ended) await this.#settle();
  }

  async #follow() {
    this.live = true;
    await follow(`${pathOf(this.#id)}/events`, {
      signal: this.#signal,
      onEvent: (name, data) => (name === "job" ? this.#takeJob(data) : this.#takeEntries([data])),
      onLost: () => this.#tell(),
    });
    this.live = false;
    this.#tell();
  }

  // The stream may end without an event when a held job is released, so the job itself is read again.
  async #settle() {
    this.#takeJob(await get(pathOf(this.#id), this.#signal));
  }

  async #read(filter) {
    let cursor = "";
    for (let read = 0; read < MOST; read += PAGE) {
      const page = await get(`${pathOf(this.#id)}/entries?limit=${PAGE}${filter}${cursor}`, this.#signal);
      // A row from the stream is newer than the same row in the list.
      this.#takeEntries(filter ? page.items.filter((entry) => !this.#rows[entry.index]) : page.items);
      if (!page.nextCursor) break;
      cursor = `&cursor=${encodeURIComponent(page.nextCursor)}`;
    }
    if (this.job.counts.total > MOST && this.job.counts.failed > 0) await this.#readFailed();
    this.#tell();
  }

  async #readFailed() {
    const page = await get(`${pathOf(this.#id)}/entries?limit=${PAGE}&state=failed`, this.#signal);
    this.#takeEntries(page.items);
  }

  #takeJob(job) {
    this.job = job;
    jobs.put(job);
    this.#tell();
  }

  #takeEntries(entries) {
    for (const entry of entries) {
      if (entry.index >= MOST && entry.state !== "failed") continue;
      this.#rows[entry.index] = entry;
      this.#haystacks[entry.index] = null;
    }
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }

  // All known entries, in the order of the job.
  all() {
    return this.#rows.filter(Boolean);
  }

  // The entries in a state that contain every word of a text.
  matching(state, text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return this.#rows.filter((entry) => {
      if (!entry || (state && entry.state !== state)) return false;
      if (words.length === 0) return true;
      const haystack = (this.#haystacks[entry.index] ??= haystackOf(entry));
      return words.every((word) => haystack.includes(word));
    });
  }
}

function haystackOf(entry) {
  const names = [entry.added, entry.removed, entry.updated, entry.overwritten].flat().map((item) => item.name ?? item.id);
  const conflicts = entry.conflicts.flatMap((conflict) => [conflict.cause, conflict.correlationId]);
  const reason = [entry.reason, REASONS[entry.reason]?.[0], entry.message];
  return [entry.ref, userOf(entry.user).value, entry.userId, ...reason, ...names, ...conflicts].join("\n").toLowerCase();
}

// Returns the failed entries by reason, largest group first.
export function byReason(entries) {
  const groups = new Map();
  for (const entry of entries) {
    if (entry.state !== "failed") continue;
    const group = groups.get(entry.reason) ?? { reason: entry.reason, entries: [] };
    group.entries.push(entry);
    groups.set(entry.reason, group);
  }
  return [...groups.values()].sort((one, other) => other.entries.length - one.entries.length);
}
