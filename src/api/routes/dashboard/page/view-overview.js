// The first page: the last 24 hours, what needs attention, all jobs, and the rate limiter.

import { h, once, render } from "./dom.js";
import { count, lasting, many, when } from "./format.js";
import { rateLimiter } from "./rate-limiter.js";
import { failuresOf } from "./failures.js";
import { isOpen, jobs } from "./jobs.js";
import { jobsTable } from "./jobs-table.js";
import { jobLink, nameOf } from "./parts.js";
import { records } from "./records.js";
import { term } from "./tips.js";
import { conflictsByHour } from "./view-conflicts.js";
import { rateLimiterPanel } from "./view-rate-limiter.js";
import { REASONS } from "./words.js";

export function overview(root, _, signal) {
  const headline = h("h1", { class: "headline" }, "Reading the jobs …");
  const since = h("p", { class: "muted since" }, "The last 24 hours");
  const figures = h("dl", { class: "figures" });
  const needs = h("section", { class: "needs", "aria-label": "What needs your attention" });
  const table = jobsTable(signal);
  const conflicts = conflictsByHour();
  const rate = rateLimiterPanel(signal);
  root.append(
    h("section", { class: "summary", "aria-label": "Last night" }, h("div", { class: "lead" }, headline, since), figures),
    needs,
    h("div", { class: "columns" }, table.element, h("div", { class: "side" }, conflicts.element, rate.element)));

  const update = once(() => {
    if (!jobs.loaded || signal.aborted) return;
    const night = nightOf(jobs.recent());
    render(headline, headlineOf(night), () => headlineOf(night));
    render(since, sinceOf(night), () => sinceOf(night));
    render(figures, night.figures, () => figuresOf(night));
    updateNeeds(night);
    table.update();
    conflicts.update(night.jobs);
  });
  const updateNeeds = (night) => {
    const failed = night.withFailures.slice(0, 6).map((job) => ({ job, groups: failuresOf(job, update) }));
    const limits = rateLimiter.now;
    const unread = records.bySource();
    const signature = [jobs.notReady, [...unread].map(([source, items]) => [source, items.length, items[0].problem]), limits?.pausedUntil, limits?.breaker.open, limits?.breaker.services.length, night.held.map((job) => job.id), failed.map(({ job, groups }) => [job.id, job.counts.failed, groups?.length])];
    render(needs, signature, () => needsOf(night, failed, limits, unread));
  };
  jobs.addEventListener("change", update, { signal });
  rateLimiter.addEventListener("change", update, { signal });
  records.addEventListener("change", update, { signal });
  records.watch(signal);
  update();
}

// Returns the totals of the jobs of the last 24 hours.
function nightOf(all) {
  const sum = (field) => all.reduce((total, job) => total + field(job), 0);
  const ended = all.filter((job) => job.finishedAt && job.status === "completed");
  const night = {
    jobs: all,
    well: ended.filter((job) => job.counts.failed === 0),
    withFailures: all.filter((job) => job.counts.failed > 0),
    held: all.filter((job) => job.status === "held"),
    running: all.filter(isOpen),
    cancelled: all.filter((job) => job.status === "cancelled"),
  };
  night.figures = {
    well: night.well.length, withFailures: night.withFailures.length, held: night.held.length, running: night.running.length,
    cancelled: night.cancelled.length, applied: sum((job) => job.counts.applied), unchanged: sum((job) => (job.dryRun ? 0 : job.counts.unchanged)),
    failed: sum((job) => job.counts.failed), conflicts: sum((job) => job.conflicts.total), blocked: sum((job) => job.conflicts.blocked),
  };
  return night;
}

function headlineOf({ jobs: all, held, withFailures, running, figures }) {
  if (all.length === 0) return "No jobs in the last 24 hours.";
  const parts = [];
  if (held.length) parts.push(`${many(held.length, "job")} held`);
  if (figures.failed) parts.push(`${many(figures.failed, "entry", "entries")} failed in ${many(withFailures.length, "job")}`);
  if (parts.length) return `${parts.join(", ")}.`;
  if (running.length) return `${many(running.length, "job")} under way; no failures.`;
  return all.length === 1 ? "The job of the last 24 hours ended well." : `All ${count(all.length)} jobs of the last 24 hours ended well.`;
}

function sinceOf({ jobs: all }) {
  const last = all.map((job) => job.finishedAt).filter(Boolean).sort().at(-1);
  const jobsText = many(all.length, "job");
  return last ? `Last 24 hours: ${jobsText}; the last one ended ${when(last)}.` : `Last 24 hours: ${jobsText}.`;
}

function figuresOf({ figures }) {
  const figure = (label, value, kind = "", detail = "") =>
    h("div", { class: `figure ${value > 0 ? kind : ""}` }, h("dt", {}, label), h("dd", {}, count(value)), h("dd", { class: "detail" }, detail));
  return [
    figure("ended well", figures.well, "is-good", figures.cancelled ? `${count(figures.cancelled)} cancelled` : "jobs"),
    figure("with failures", figures.withFailures, "is-bad", "jobs"),
    figure("held", figures.held, "is-warn", "jobs"),
    figure("under way", figures.running, "is-busy", "jobs"),
    figure("applied", figures.applied, "", `and ${count(figures.unchanged)} unchanged`),
    figure("failed", figures.failed, "is-bad", "entries"),
    figure("conflicts", figures.conflicts, "", figures.conflicts ? `${count(figures.conflicts - figures.blocked)} resolved` : "none"),
  ];
}

function needsOf(night, failed, limits, unread) {
  const items = [];
  const item = (kind, title, text, ...links) => items.push(h("li", { class: `need is-${kind}` }, h("div", {}, h("strong", {}, title), text && h("p", {}, text)), h("div", { class: "links" }, links)));
  if (jobs.notReady) item("bad", "The service is not ready", jobs.notReady);
  if (limits?.breaker.open) item("bad", "Genesys is down", "Single calls find out when it works again; jobs then continue by themselves.", h("a", { href: "#/rate-limiter" }, "See the rate limiter"));
  for (const { service } of limits?.breaker.services ?? []) item("bad", `The Genesys service ${service} is down`, "Work that needs it waits, and continues by itself when the service works again. Other work continues.", h("a", { href: "#/rate-limiter" }, "See the rate limiter"));
  if (limits?.pausedUntil && Date.parse(limits.pausedUntil) - Date.now() > 5000) item("warn", `Genesys asked to pause all calls until ${when(limits.pausedUntil)}`, `${lasting(Date.parse(limits.pausedUntil) - Date.now())} left; work then continues by itself.`, h("a", { href: "#/rate-limiter" }, "See the rate limiter"));
  for (const job of night.held) item("warn", `${nameOf(job)} is held`, job.held?.message ?? "It would remove many assignments. Check its summary, then apply or cancel it.", jobLink(job, "Decide"));
  for (const [source, failures] of unread) item("bad", `${many(failures.length, "record")} of ${source} could not be read`, `The changes of these people are not in Genesys. ${failures[0].problem ?? ""}`, h("a", { href: "#/records", "data-key": `records-${source}` }, "See the records"));
  for (const { job, groups } of failed) items.push(failureItem(job, groups));
  const more = night.withFailures.length - failed.length;
  if (more > 0) item("bad", `${many(more, "more job")} with failures`, "See the list below.");
  if (items.length === 0) return h("p", { class: "calm" }, h("span", { class: "dot is-good", "aria-hidden": "true" }), " Nothing needs your attention.");
  return [h("h2", {}, "Needs your attention"), h("ul", { class: "need-list" }, items)];
}

function failureItem(job, groups) {
  const reasons = (groups ?? []).map(({ reason, entries, more }) => {
    const [, , todo, who] = REASONS[reason] ?? ["", "", "", ""];
    return h("li", {}, term("reason", reason), ` ${count(entries.length)}${more ? "+" : ""}: ${todo}`, who && h("span", { class: "muted" }, ` Call: ${who}.`));
  });
  return h("li", { class: "need is-bad" },
    h("div", {}, h("strong", {}, `${nameOf(job)}: ${many(job.counts.failed, "entry", "entries")} failed`), h("span", { class: "muted" }, ` ${when(job.createdAt)}`), h("ul", { class: "reasons" }, reasons)),
    h("div", { class: "links" }, h("a", { href: `#/jobs/${job.id}/failed`, "data-key": `failed-${job.id}` }, "See the rows")));
}
