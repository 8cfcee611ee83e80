// The jobs known to the page: read once, then kept up to date by requests for what may have changed.

import { get, job as pathOf, readiness, Refused } from "./api.js";
import { resting, shown } from "./stream.js";
import { OPEN_STATUSES } from "./words.js";

const PAGE = 200;
const NEWEST = 50;
const MOST = 2000;
const DAY = 24 * 3600 * 1000;
const WHILE_BUSY = 1500;
const WHILE_IDLE = 6000;
// Maximum number of jobs that are read individually because the newest page does not contain them.
const SINGLE = 12;

export const isOpen = (job) => OPEN_STATUSES.includes(job.status);
const canChange = (job) => isOpen(job) || job.status === "held";

class Jobs extends EventTarget {
  #byId = new Map();
  #cursor = undefined;
  #running = false;
  #turn = 0;
  #wake = () => {};
  // Whether the first response has arrived, and why the service is not ready.
  loaded = false;
  notReady = null;

  // Newest first.
  all() {
    return [...this.#byId.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
  }

  // The jobs of the last 24 hours, and older ones that are open or held.
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

  // Stores a job from a response or an event.
  put(...jobs) {
    for (const job of jobs) this.#byId.set(job.id, job);
    this.dispatchEvent(new Event("change"));
  }

  // Refreshes immediately.
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
    // If many older jobs may have changed, a longer page is cheaper than one request for each.
    const many = this.all().slice(NEWEST).filter(canChange).length > SINGLE;
    const page = await get(`/v1/sync-jobs?limit=${first || many ? PAGE : NEWEST}`);
    const oldest = page.items.at(-1);
    // More new jobs than fit on a page, or the first load on a busy day: read further pages.
    const gap = !first && oldest && !this.#byId.has(oldest.id) && page.nextCursor;
    const inPage = new Set(page.items.map((job) => job.id));
    if (first) this.#cursor = page.nextCursor ?? null;
    this.loaded = true;
    this.put(...page.items);
    if (gap) await this.#readOn(page.nextCursor, (job) => this.#byId.has(job.id));
    if (first) this.#cursor = await this.#readOn(this.#cursor, (job) => Date.parse(job.createdAt) < Date.now() - DAY);
    const others = this.all().filter((job) => canChange(job) && !inPage.has(job.id));
    // A few at a time, in rotation.
    const turn = (this.#turn++ * SINGLE) % Math.max(1, others.length);
    const asked = [...others.slice(turn), ...others.slice(0, turn)].slice(-SINGLE);
    const fresh = await Promise.all(asked.map((job) => get(pathOf(job.id)).catch(() => job)));
    this.notReady = await readiness();
    this.put(...fresh);
  }

  // Reads pages until one ends with a job that satisfies `enough`; returns the cursor of the next page.
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
