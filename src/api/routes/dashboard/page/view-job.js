// One job: its progress, the possible actions, why entries failed, and the entries themselves.

import { Refused } from "./api.js";
import { Entries, byReason } from "./entries.js";
import { entriesTable } from "./entries-table.js";
import { h, once, render, say } from "./dom.js";
import { count, fullTime, many, until, userOf, when } from "./format.js";
import { heldSummary } from "./held.js";
import { isOpen } from "./jobs.js";
import { actionsOf } from "./job-actions.js";
import { doneOf, nameOf, notice, outlook, progress, statusChip, updateProgress } from "./parts.js";
import { planOf } from "./plan.js";
import { term } from "./tips.js";
import { conflictsOfJob } from "./view-conflicts.js";
import { actorOf, witnessesOf } from "./witnesses.js";
import { MODES, OTHERS, REASONS, STATE_ORDER, TARGETS } from "./words.js";

export function jobView(root, path, signal) {
  const [id, state = ""] = path.split("/");
  const entries = new Entries(id, signal);
  root.append(h("p", { class: "empty", "aria-busy": "true" }, "Reading the job …"));
  let parts = null;
  const update = once(() => {
    if (!entries.job || signal.aborted) return;
    parts ??= build(root, entries, state, signal, again);
    parts(entries);
    // A large job reports hundreds of changes per second, which nobody can read.
  }, 200);
  const again = async () => {
    try {
      await entries.start();
    } catch (fault) {
      if (signal.aborted || fault.name === "AbortError") return;
      if (!(fault instanceof Refused)) throw fault;
      if (!entries.job) root.replaceChildren(h("p", {}, h("a", { href: "#/" }, "All jobs")), notice("fault", fault.status === 404 ? "Job not found." : fault.message));
      else if (fault.status !== 401) setTimeout(() => !signal.aborted && again(), 3000);
    }
  };
  entries.addEventListener("change", update, { signal });
  again();
}

// Builds the view once, and returns the function that updates it.
function build(root, entries, state, signal, again) {
  const title = h("h1");
  const facts = h("p", { class: "facts" });
  const actions = actionsOf(entries, again);
  const bar = progress(entries.job);
  const standing = h("p", { class: "standing" });
  const counts = h("ul", { class: "legend counts" });
  const created = h("div");
  const banner = h("div");
  const held = h("div");
  const failures = h("section", { "aria-label": "Why entries failed" });
  const conflicts = conflictsOfJob();
  const plan = h("div");
  const table = entriesTable(entries, state, signal);
  document.title = `${nameOf(entries.job)} · skillsync`;
  root.replaceChildren(
    h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "#/" }, "Jobs"), " / ", h("span", { "aria-current": "page" }, nameOf(entries.job))),
    h("div", { class: "job-head" }, h("div", {}, title, facts), actions.element),
    h("section", { class: "panel job-progress", "aria-label": "Progress" }, bar, standing, counts, created),
    banner, held, failures,
    h("div", { class: "job-body" }, table.element, h("div", { class: "side" }, plan, conflicts.element, witnessesOf(entries.job, signal))));

  let ended = entries.job.finishedAt !== null;
  return () => {
    const { job } = entries;
    const all = entries.all();
    render(title, [job.status, job.counts.failed, job.label], () => [nameOf(job), " ", statusChip(job), " ", job.dryRun && h("span", { class: "chip is-planned" }, "dry run")]);
    render(facts, [job.startedAt, job.finishedAt], () => factsOf(job));
    actions.update();
    updateProgress(bar, job);
    const line = standingOf(job);
    render(standing, line, () => line);
    render(counts, job.counts, () => STATE_ORDER.filter((name) => job.counts[name]).map((name) => countOf(name, job.counts[name], table)));
    render(created, job.createdSkills?.length ?? 0, () => createdOf(job));
    render(banner, [job.status, job.parkedUntil], () => bannerOf(job));
    render(held, [job.status, job.held ?? null], () => job.status === "held" && heldSummary(job));
    const groups = byReason(all);
    render(failures, groups.map((group) => [group.reason, group.entries.length]), () => failuresOf(groups, table));
    conflicts.update(all);
    render(plan, [job.dryRun || job.status === "held", job.counts.planned, all.length], () => planOf(job, all));
    table.update();
    if (!ended && job.finishedAt) say(`${nameOf(job)} has ended: ${count(job.counts.applied)} applied, ${count(job.counts.failed)} failed`);
    ended = job.finishedAt !== null;
  };
}

function factsOf(job) {
  const fact = (name, ...value) => h("span", { class: "fact" }, h("span", { class: "muted" }, `${name} `), value);
  return [
    fact("writes", TARGETS[job.target]),
    fact("mode", h("span", { title: MODES[job.mode] }, job.mode)),
    job.owner && fact("owner", h("span", { title: OTHERS.owner }, job.owner)),
    fact("lane", job.lane),
    fact("accepted", h("time", { datetime: job.createdAt, title: fullTime(job.createdAt) }, when(job.createdAt))),
    job.finishedAt && fact("ended", h("time", { datetime: job.finishedAt, title: fullTime(job.finishedAt) }, when(job.finishedAt))),
    job.submittedBy && fact("by", actorOf(job.submittedBy)),
    fact("id", h("code", {}, job.id)),
  ].filter(Boolean);
}

function standingOf(job) {
  const calls = `${count(job.calls.made)}${isOpen(job) ? ` of about ${count(job.calls.estimated)}` : ""} calls to Genesys`;
  const conflicts = job.conflicts.total ? many(job.conflicts.total, "conflict") : "no conflicts";
  const end = isOpen(job) && job.estimatedFinishAt ? `, done about ${when(job.estimatedFinishAt)}` : "";
  return `${count(doneOf(job))} of ${many(job.counts.total, "entry", "entries")} ended · ${outlook(job)}${end} · ${calls} · ${conflicts}`;
}

function countOf(state, number, table) {
  return h("li", {}, h("button", { type: "button", class: "count", "data-key": `count-${state}`, "data-term": `state/${state}`, onclick: () => table.choose(state) },
    h("span", { class: `swatch is-${state}`, "aria-hidden": "true" }), `${state} `, h("b", {}, count(number))));
}

function createdOf({ createdSkills }) {
  if (!createdSkills) return null;
  const named = createdSkills.slice(0, 8).map((skill) => skill.name).join(", ");
  const others = createdSkills.length > 8 ? ` and ${count(createdSkills.length - 8)} more` : "";
  return h("p", { class: "created" }, `Created in Genesys because ${createdSkills.length === 1 ? "it was" : "they were"} missing: ${named}${others}`);
}

function bannerOf(job) {
  if (job.status !== "parked" || !job.parkedUntil) return null;
  return notice("warn", h("strong", {}, `Genesys asked for a pause until ${when(job.parkedUntil)}. `), `The job continues by itself in ${until(job.parkedUntil)}; nothing is lost, and no action is needed.`);
}

function failuresOf(groups, table) {
  if (groups.length === 0) return null;
  return groups.map(({ reason, entries }) => {
    const [, what = "", todo = "", who = ""] = REASONS[reason] ?? [];
    const users = entries.slice(0, 8).map((entry) => userOf(entry.user).value);
    return h("div", { class: "notice is-bad failure" },
      h("div", {}, h("strong", {}, `${many(entries.length, "entry", "entries")} failed: `), term("reason", reason), h("p", {}, what),
        h("p", {}, h("b", {}, "What to do: "), todo, who && ` Call: ${who}.`),
        h("p", { class: "muted" }, users.join(", "), entries.length > users.length ? ` and ${count(entries.length - users.length)} more` : "")),
      h("button", { type: "button", "data-key": `reason-${reason}`, onclick: () => table.choose("failed", reason) }, "Show the rows"));
  });
}
