// The state of the rate limiter in the last minutes: samples of /v1/limits, taken while a view shows them.

import { get } from "./api.js";
import { resting, shown } from "./stream.js";

const EVERY = 1000;
const KEPT = 300;

class RateLimiterHistory extends EventTarget {
  samples = [];
  #watchers = 0;
  #running = false;

  get now() {
    return this.samples.at(-1)?.limits ?? null;
  }

  // Takes samples until `signal` is aborted.
  watch(signal) {
    this.#watchers += 1;
    signal.addEventListener("abort", () => (this.#watchers -= 1), { once: true });
    if (!this.#running) this.#run();
  }

  async #run() {
    this.#running = true;
    while (this.#watchers > 0) {
      try {
        this.samples.push({ at: Date.now(), limits: await get("/v1/limits") });
        if (this.samples.length > KEPT) this.samples.shift();
        this.dispatchEvent(new Event("change"));
      } catch {
        // The chart gets a gap; the header of the page shows that the service does not answer.
      }
      await resting(EVERY);
      await shown();
    }
    this.#running = false;
  }
}

export const rateLimiter = new RateLimiterHistory();
