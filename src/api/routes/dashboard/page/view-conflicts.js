// Conflicts by cause over time: for all jobs by hour, and for one job by the time of each conflict.

import { asTable, bars, chart } from "./charts.js";
import { h, render } from "./dom.js";
import { count, exactTime, many, timeOfDay } from "./format.js";
import { term } from "./tips.js";
import { CAUSE_ORDER, meaning } from "./words.js";

const HOUR = 3600_000;
const HEIGHT = 150;

// The last 24 hours. A job's conflicts count for the hour in which it was accepted, because a list of jobs has no other time.
export function conflictsByHour() {
  const panel = conflictPanel("Conflicts by cause", "Last 24 hours, by the hour in which the job was accepted", timeOfDay);
  const update = (all) => {
    const end = Math.ceil(Date.now() / HOUR) * HOUR;
    const buckets = bucketsOf(end - 24 * HOUR, HOUR, 24);
    for (const job of all) for (const cause of CAUSE_ORDER) add(buckets, Date.parse(job.createdAt), HOUR, cause, job.conflicts[cause]);
    panel.update(buckets);
  };
  return { element: panel.element, update };
}

// One job, in a readable number of steps; `entries` contain their conflicts with the time of each.
export function conflictsOfJob() {
  const panel = conflictPanel("Conflicts by cause", "When Genesys refused a write, and why", exactTime);
  const update = (entries) => {
    const met = entries.flatMap((entry) => entry.conflicts).map((conflict) => ({ cause: conflict.cause, at: Date.parse(conflict.at) }));
    if (met.length === 0) return panel.update([]);
    const first = met.reduce((least, { at }) => Math.min(least, at), Infinity);
    const last = met.reduce((most, { at }) => Math.max(most, at), 0);
    const step = stepFor(last - first);
    const from = Math.floor(first / step) * step;
    const buckets = bucketsOf(from, step, Math.floor((last - from) / step) + 1);
    for (const { cause, at } of met) add(buckets, at, step, cause, 1);
    panel.update(buckets);
  };
  return { element: panel.element, update };
}

function bucketsOf(from, step, number) {
  return Array.from({ length: number }, (_, at) => ({ at: from + at * step, parts: {} }));
}

function add(buckets, at, step, cause, number) {
  const bucket = buckets[Math.floor((at - buckets[0].at) / step)];
  if (bucket && number) bucket.parts[cause] = (bucket.parts[cause] ?? 0) + number;
}

// Returns a step that gives at most 40 bars.
function stepFor(span) {
  const steps = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600].map((seconds) => seconds * 1000);
  return steps.find((step) => span / step <= 40) ?? span / 40;
}

function conflictPanel(title, caption, timeOf) {
  let buckets = [];
  const titleOf = (bucket) => `${timeOf(bucket.at)}: ${CAUSE_ORDER.filter((cause) => bucket.parts[cause]).map((cause) => `${meaning("cause", cause).label} ${bucket.parts[cause]}`).join(", ")}`;
  const drawing = chart(`${title}: ${caption}. The same figures are in the table below.`, HEIGHT, (width, height) => (buckets.length ? bars(buckets, CAUSE_ORDER, width, height, titleOf) : []));
  const legend = h("ul", { class: "legend" });
  const total = h("span", { class: "muted" });
  const table = h("div");
  const none = h("p", { class: "empty chart-empty" }, "No conflicts.");
  const place = h("div", { class: "chart-place" }, drawing.element, none);
  const element = h("section", { class: "panel chart-panel", "aria-label": title },
    h("div", { class: "panel-head" }, h("h2", {}, title), total), h("p", { class: "muted caption" }, caption),
    place, legend, table);
  const update = (fresh) => {
    const sums = CAUSE_ORDER.map((cause) => [cause, fresh.reduce((sum, bucket) => sum + (bucket.parts[cause] ?? 0), 0)]);
    const all = sums.reduce((sum, [, number]) => sum + number, 0);
    const signature = JSON.stringify(fresh);
    if (signature === element.drawn) return;
    element.drawn = signature;
    buckets = all ? fresh : [];
    none.hidden = all > 0;
    place.classList.toggle("is-empty", all === 0);
    total.textContent = all ? many(all, "conflict") : "";
    render(legend, sums, () => sums.filter(([, number]) => number).map(([cause, number]) =>
      h("li", {}, h("span", { class: `swatch back-${cause}`, "aria-hidden": "true" }), term("cause", cause), " ", h("b", {}, count(number)))));
    render(table, signature, () => all > 0 && asTable(title, ["From", ...CAUSE_ORDER.map((cause) => meaning("cause", cause).label)],
      buckets.filter((bucket) => Object.keys(bucket.parts).length).map((bucket) => [timeOf(bucket.at), ...CAUSE_ORDER.map((cause) => bucket.parts[cause] ?? 0)])));
    drawing.redraw();
  };
  return { element, update };
}
