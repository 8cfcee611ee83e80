// The gate as it was in the last minutes: samples of /v1/limits, taken while somebody looks.

import { get } from "./api.js";
import { resting, shown } from "./stream.js";

const EVERY = 1000;
const KEPT = 300;

class GateHistory extends EventTarget {
  samples = [];
  #watchers = 0;
  #running = false;

  get now() {
    return this.samples.at(-1)?.limits ?? null;
  }

  // Samples for as long as `signal` lasts.
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
        // A gap in the chart; that the service does not answer is shown by the head of the page.
      }
      await resting(EVERY);
      await shown();
    }
    this.#running = false;
  }
}

export const gate = new GateHistory();
