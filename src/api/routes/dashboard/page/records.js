// Records that could not be read from an HR system, polled while a view shows them.

import { get } from "./api.js";
import { jobs } from "./jobs.js";
import { resting, shown } from "./stream.js";

const EVERY = 10_000;
const MOST = 1000;

class FailedRecords extends EventTarget {
  // The listed records and their total, from the latest response.
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

  // Keeps the records up to date until `signal` is aborted.
  watch(signal) {
    this.#watchers += 1;
    signal.addEventListener("abort", () => (this.#watchers -= 1), { once: true });
    if (this.#running) this.refresh();
    else this.#run();
  }

  // Refreshes immediately.
  refresh() {
    this.#wake();
  }

  // Returns the records by source.
  bySource() {
    return Map.groupBy(this.items, ({ source }) => source);
  }

  async #run() {
    this.#running = true;
    while (this.#watchers > 0) {
      const early = new AbortController();
      this.#wake = () => early.abort();
      // Until the jobs are loaded, the user may still have to sign in.
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
      // The last response stays; the header of the page shows that the service does not answer.
    }
  }
}

export const records = new FailedRecords();
