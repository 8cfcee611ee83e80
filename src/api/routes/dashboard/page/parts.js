// Parts that several views share: chips, progress bars, differences and notices.

import { Refused } from "./api.js";
import { h } from "./dom.js";
import { count, lasting, many, percent, proficiency, until, userOf } from "./format.js";
import { isOpen } from "./jobs.js";
import { meaning, OPEN_STATES, STATE_ORDER } from "./words.js";

// A state or status in its colour, always with its label, so that colour never carries meaning alone.
export function chip(kind, word) {
  return h("span", { class: `chip is-${word}`, "data-term": `${kind}/${word}` }, meaning(kind, word).label);
}

// Returns how a job ended in one word; `completed` alone would hide failures.
export function verdictOf(job) {
  if (job.status === "completed" && job.counts.failed > 0) return "failed";
  return job.status;
}

export function statusChip(job) {
  if (verdictOf(job) === "failed") return h("span", { class: "chip is-failed", "data-term": "state/failed" }, `${count(job.counts.failed)} failed`);
  return chip("status", job.status);
}

export const nameOf = (job) => job.label ?? "without a label";
export const doneOf = (job) => job.counts.total - OPEN_STATES.reduce((sum, state) => sum + job.counts[state], 0);

// A bar of the states, updated in place so that nothing flickers.
export function progress(job) {
  const bar = h("div", { class: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 });
  for (const state of STATE_ORDER) bar.append(h("span", { class: `fill is-${state}` }));
  updateProgress(bar, job);
  return bar;
}

export function updateProgress(bar, job) {
  const done = doneOf(job);
  const share = job.counts.total ? done / job.counts.total : 0;
  bar.setAttribute("aria-label", `Entries of ${nameOf(job)} that have ended`);
  bar.setAttribute("aria-valuenow", String(Math.floor(share * 100)));
  bar.setAttribute("aria-valuetext", `${count(done)} of ${count(job.counts.total)}`);
  STATE_ORDER.forEach((state, at) => {
    const part = job.counts[state] / Math.max(1, job.counts.total);
    bar.children[at].style.flexGrow = String(part);
    bar.children[at].hidden = part === 0;
  });
}

// Returns how a job continues, in a few words.
export function outlook(job, now = Date.now()) {
  if (job.status === "parked" && job.parkedUntil) return `paused by Genesys, continues in ${until(job.parkedUntil, now)}`;
  if (job.status === "held") return "waits for a decision";
  if (isOpen(job)) return job.estimatedFinishAt ? `about ${until(job.estimatedFinishAt, now)} to go` : "under way";
  return job.finishedAt ? `took ${lasting(Date.parse(job.finishedAt) - Date.parse(job.startedAt ?? job.createdAt))}` : "";
}

export const progressText = (job) =>
  isOpen(job) ? `${percent(doneOf(job) / Math.max(1, job.counts.total))} of ${count(job.counts.total)}` : many(job.counts.total, "entry", "entries");

const SIGNS = [
  ["added", "+", "added"],
  ["removed", "−", "removed"],
  ["updated", "~", "proficiency changed"],
  ["overwritten", "!", "overwritten: was assigned by others"],
  ["preserved", "=", "preserved: assigned by others"],
];

// The owners of an assignment, where the service tells them.
export const heldBy = (item, what = "held by") =>
  item?.owners?.length ? h("span", { class: "owners" }, h("span", { class: "hidden" }, ` ${what}`), ` ${item.owners.join(", ")}`) : null;

// What changes for a user: + added, − removed, ~ proficiency, ! overwritten, = preserved.
export function difference(entry, { preserved = true } = {}) {
  // `replace` lists removed assignments of others twice: as removed and as overwritten.
  const overwritten = new Set(entry.overwritten.map((item) => item.id));
  const contested = new Map((entry.contested ?? []).map((item) => [item.id, item]));
  const items = SIGNS.filter(([field]) => preserved || field !== "preserved").flatMap(([field, sign, what]) =>
    entry[field]
      .filter((item) => field !== "removed" || !overwritten.has(item.id))
      .map((item) => h("li", { class: `diff is-${field}` },
        h("span", { class: "sign", "aria-hidden": "true" }, sign), h("span", { class: "hidden" }, `${what}: `),
        item.name ?? item.id, item.proficiency === null ? null : h("span", { class: "rating" }, ` ${proficiency(item.proficiency)}`),
        heldBy(field === "updated" ? contested.get(item.id) : item, field === "updated" ? "contested by" : "held by"))));
  return items.length ? h("ul", { class: "diffs" }, items) : null;
}

export const hasDifference = (entry) => SIGNS.some(([field]) => field !== "preserved" && entry[field].length > 0);

// A link to the history of a user.
export function userLink(entry) {
  if (entry.erased) return h("span", {}, "erased");
  const { value } = userOf(entry.user);
  return h("a", { href: `#/users/${encodeURIComponent(value)}`, "data-key": `user-${entry.index}` }, value);
}

export function notice(kind, ...content) {
  return h("div", { class: `notice is-${kind}`, role: kind === "fault" ? "alert" : null }, content);
}

// Runs an action, and shows in `place` why the service refused it.
export async function tried(place, work) {
  place.replaceChildren();
  try {
    await work();
  } catch (refusal) {
    if (!(refusal instanceof Refused)) throw refusal;
    place.replaceChildren(notice("fault", refusal.message));
  }
}

export const jobLink = (job, text = nameOf(job)) => h("a", { href: `#/jobs/${job.id}`, "data-key": `job-${job.id}` }, text);
