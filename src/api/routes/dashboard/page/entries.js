// The entries of one job: read by page, kept up to date by its event stream, searched here.

import { get, job as pathOf } from "./api.js";
import { userOf } from "./format.js";
import { jobs } from "./jobs.js";
import { follow } from "./stream.js";
import { REASONS } from "./words.js";

const PAGE = 1000;
// Of the entries behind these only those that failed are kept: a page is no place to look through 100,000 rows.
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

  // Reads the job, then its entries; follows it for as long as it is open.
  async start() {
    this.fault = null;
    this.#takeJob(await get(pathOf(this.#id), this.#signal));
    const ended = this.job.finishedAt !== null;
    const following = ended ? null : this.#follow();
    // What changed comes by the stream; what has not begun only by the list.
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

  // A held job ends without a word of its stream when it is released: the job itself says how it stands.
  async #settle() {
    this.#takeJob(await get(pathOf(this.#id), this.#signal));
  }

  async #read(filter) {
    let cursor = "";
    for (let read = 0; read < MOST; read += PAGE) {
      const page = await get(`${pathOf(this.#id)}/entries?limit=${PAGE}${filter}${cursor}`, this.#signal);
      // A row that the stream has told is newer than the list.
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

  // All that are known, in the order of the job.
  all() {
    return this.#rows.filter(Boolean);
  }

  // Those in a state that have every word of a text somewhere in them.
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

// The failed entries by reason, the largest group first.
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
