// Records that could not be read at an HR system, as the service lists them: asked for while somebody looks.

import { get } from "./api.js";
import { jobs } from "./jobs.js";
import { resting, shown } from "./stream.js";

const EVERY = 10_000;
const MOST = 1000;

class FailedRecords extends EventTarget {
  // What is listed, and how many there are, as they were told last.
  items = [];
  total = 0;
  loaded = false;
  #watchers = 0;
  #running = false;
  #wake = () => {};

  constructor() {
    super();
    jobs.addEventListener("change", () => this.loaded || this.refresh());
  }

  // Keeps up to date for as long as `signal` lasts.
  watch(signal) {
    this.#watchers += 1;
    signal.addEventListener("abort", () => (this.#watchers -= 1), { once: true });
    if (this.#running) this.refresh();
    else this.#run();
  }

  // Looks again at once.
  refresh() {
    this.#wake();
  }

  // The records of each source.
  bySource() {
    return Map.groupBy(this.items, ({ source }) => source);
  }

  async #run() {
    this.#running = true;
    while (this.#watchers > 0) {
      const early = new AbortController();
      this.#wake = () => early.abort();
      // Until the jobs are there, a key may still have to be asked for.
      if (jobs.loaded) await this.#look();
      await resting(EVERY, early.signal);
      await shown();
    }
    this.#running = false;
  }

  async #look() {
    try {
      const { items, total } = await get(`/v1/webhook-records?state=failed&limit=${MOST}`);
      Object.assign(this, { items, total, loaded: true });
      this.dispatchEvent(new Event("change"));
    } catch {
      // What was told last stays; that the service does not answer is shown by the head of the page.
    }
  }
}

export const records = new FailedRecords();
