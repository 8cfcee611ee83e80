// The jobs as the page knows them: read once, then kept up to date by asking for what can have changed.

import { get, job as pathOf, readiness, Refused } from "./api.js";
import { resting, shown } from "./stream.js";
import { OPEN_STATUSES } from "./words.js";

const PAGE = 200;
const NEWEST = 50;
const MOST = 2000;
const DAY = 24 * 3600 * 1000;
const WHILE_BUSY = 1500;
const WHILE_IDLE = 6000;
// Jobs asked for one by one, because the newest page does not have them.
const SINGLE = 12;

export const isOpen = (job) => OPEN_STATUSES.includes(job.status);
const canChange = (job) => isOpen(job) || job.status === "held";

class Jobs extends EventTarget {
  #byId = new Map();
  #cursor = undefined;
  #running = false;
  #turn = 0;
  #wake = () => {};
  // Whether the first answer is there, and why the service is not ready.
  loaded = false;
  notReady = null;

  // Newest first.
  all() {
    return [...this.#byId.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
  }

  // Those of the last 24 hours, and what is open or held from before.
  recent(now = Date.now()) {
    const since = now - DAY;
    return this.all().filter((job) => canChange(job) || Date.parse(job.finishedAt ?? job.createdAt) >= since);
  }

  get(id) {
    return this.#byId.get(id);
  }

  hasOlder() {
    return this.#cursor !== null && this.loaded;
  }

  // Takes up what an answer or an event said.
  put(...jobs) {
    for (const job of jobs) this.#byId.set(job.id, job);
    this.dispatchEvent(new Event("change"));
  }

  // Looks again at once.
  refresh() {
    this.#wake();
  }

  async start() {
    if (this.#running) return;
    this.#running = true;
    for (;;) {
      try {
        await this.#look();
      } catch (fault) {
        if (!(fault instanceof Refused)) throw fault;
      }
      const busy = this.all().some(isOpen);
      const early = new AbortController();
      this.#wake = () => early.abort();
      await resting(busy ? WHILE_BUSY : WHILE_IDLE, early.signal);
      await shown();
    }
  }

  async #look() {
    const first = !this.loaded;
    // Many that can change lie behind the newest: a longer page is cheaper than asking for each.
    const many = this.all().slice(NEWEST).filter(canChange).length > SINGLE;
    const page = await get(`/v1/sync-jobs?limit=${first || many ? PAGE : NEWEST}`);
    const oldest = page.items.at(-1);
    // More new jobs than fit on a page, or the first look at a busy day: read on.
    const gap = !first && oldest && !this.#byId.has(oldest.id) && page.nextCursor;
    const inPage = new Set(page.items.map((job) => job.id));
    if (first) this.#cursor = page.nextCursor ?? null;
    this.loaded = true;
    this.put(...page.items);
    if (gap) await this.#readOn(page.nextCursor, (job) => this.#byId.has(job.id));
    if (first) this.#cursor = await this.#readOn(this.#cursor, (job) => Date.parse(job.createdAt) < Date.now() - DAY);
    const others = this.all().filter((job) => canChange(job) && !inPage.has(job.id));
    // A few at a time, in turn.
    const turn = (this.#turn++ * SINGLE) % Math.max(1, others.length);
    const asked = [...others.slice(turn), ...others.slice(0, turn)].slice(-SINGLE);
    const fresh = await Promise.all(asked.map((job) => get(pathOf(job.id)).catch(() => job)));
    this.notReady = await readiness();
    this.put(...fresh);
  }

  // Reads pages until one ends with a job that `enough` says; tells where the next one would start.
  async #readOn(cursor, enough) {
    while (cursor && this.#byId.size < MOST) {
      const page = await get(`/v1/sync-jobs?limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`);
      const last = page.items.at(-1);
      const done = !last || enough(last);
      this.put(...page.items);
      cursor = page.nextCursor ?? null;
      if (done) break;
    }
    return cursor ?? null;
  }

  async loadOlder() {
    if (!this.#cursor) return;
    const page = await get(`/v1/sync-jobs?limit=${PAGE}&cursor=${encodeURIComponent(this.#cursor)}`);
    this.#cursor = page.nextCursor ?? null;
    this.put(...page.items);
  }
}

export const jobs = new Jobs();
