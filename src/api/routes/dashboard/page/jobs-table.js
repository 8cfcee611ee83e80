// All jobs in pages, with a filter by status and a search by label.

import { h, keyed, once, say } from "./dom.js";
import { count, fullTime, many, when } from "./format.js";
import { isOpen, jobs } from "./jobs.js";
import { jobLink, nameOf, outlook, progress, progressText, statusChip, updateProgress, verdictOf } from "./parts.js";
import { TARGETS } from "./words.js";

const ON_A_PAGE = 25;
const CHOICES = [["", "All jobs"], ["open", "Under way"], ["held", "Held"], ["failed", "With failures"], ["completed", "Ended well"], ["cancelled", "Cancelled"], ["dry", "Dry runs"]];
// Kept while the user views a job and returns.
const chosen = { status: "", label: "", page: 0 };

export function jobsTable(signal) {
  const status = h("select", { id: "jobs-status", onchange: () => choose({ status: status.value }) }, CHOICES.map(([value, text]) => h("option", { value }, text)));
  const label = h("input", { id: "jobs-label", type: "search", placeholder: "Label or id", spellcheck: "false", oninput: () => choose({ label: label.value }) });
  status.value = chosen.status;
  label.value = chosen.label;
  const body = h("tbody");
  const empty = h("p", { class: "empty", hidden: true });
  const where = h("span", { class: "muted" });
  const back = h("button", { type: "button", onclick: () => turn(-1) }, "Newer");
  const on = h("button", { type: "button", onclick: () => turn(1) }, "Older");
  const element = h("section", { class: "panel jobs", "aria-labelledby": "jobs-title" },
    h("div", { class: "panel-head" }, h("h2", { id: "jobs-title" }, "Jobs"),
      h("div", { class: "tools" }, h("label", { class: "hidden", for: "jobs-status" }, "Show"), status, h("label", { class: "hidden", for: "jobs-label" }, "Search by label or id"), label)),
    h("table", { class: "rows" }, h("caption", { class: "hidden" }, "Jobs, newest first"),
      h("thead", {}, h("tr", {}, ["Job", "Status", "Progress", "Failed", "Conflicts", "Accepted"].map((text, at) => h("th", { scope: "col", class: [3, 4].includes(at) ? "number" : null }, text)))),
      body),
    empty,
    h("div", { class: "pager" }, back, where, on));

  const update = once(() => {
    if (signal.aborted) return;
    const found = jobs.all().filter(matches);
    const pages = Math.max(1, Math.ceil(found.length / ON_A_PAGE));
    chosen.page = Math.min(chosen.page, pages - 1);
    const from = chosen.page * ON_A_PAGE;
    keyed(body, found.slice(from, from + ON_A_PAGE), (job) => job.id, row, updateRow);
    empty.hidden = found.length > 0 || !jobs.loaded;
    empty.textContent = jobs.all().length ? "No matching jobs." : "No jobs yet. Submit one through the API, or make a dry run of a file.";
    back.disabled = chosen.page === 0;
    on.disabled = chosen.page >= pages - 1 && !jobs.hasOlder();
    where.textContent = found.length ? `${count(from + 1)}–${count(Math.min(from + ON_A_PAGE, found.length))} of ${count(found.length)}${jobs.hasOlder() ? "+" : ""}` : "";
  });
  async function turn(by) {
    const last = (chosen.page + 2) * ON_A_PAGE > jobs.all().filter(matches).length;
    if (by > 0 && last && jobs.hasOlder()) await jobs.loadOlder();
    chosen.page = Math.max(0, chosen.page + by);
    update();
  }
  function choose(what) {
    Object.assign(chosen, what, { page: 0 });
    update();
    say(`${many(jobs.all().filter(matches).length, "job")} found`);
  }
  return { element, update };
}

function matches(job) {
  const text = chosen.label.trim().toLowerCase();
  if (text && !(job.label ?? "").toLowerCase().includes(text) && !job.id.startsWith(text)) return false;
  switch (chosen.status) {
    case "": return true;
    case "open": return isOpen(job);
    case "dry": return job.dryRun;
    case "failed": return job.counts.failed > 0;
    default: return verdictOf(job) === chosen.status;
  }
}

function row(job) {
  const cells = {
    status: h("td", { "data-head": "Status" }),
    bar: progress(job),
    text: h("span", { class: "bar-text" }),
    failed: h("td", { class: "number", "data-head": "Failed" }),
    conflicts: h("td", { class: "number", "data-head": "Conflicts" }),
  };
  const made = h("tr", {},
    h("th", { scope: "row", class: "label", title: nameOf(job) }, jobLink(job), h("span", { class: "sub" }, [TARGETS[job.target], job.mode, job.dryRun && "dry run", job.lane === "interactive" && "interactive"].filter(Boolean).join(" · "))),
    cells.status,
    h("td", { class: "wide", "data-head": "Progress" }, cells.bar, cells.text),
    cells.failed, cells.conflicts,
    h("td", { "data-head": "Accepted", title: fullTime(job.createdAt), class: "time" }, when(job.createdAt)));
  made.cells_ = cells;
  return made;
}

function updateRow(made, job) {
  const { status, bar, text, failed, conflicts } = made.cells_;
  const verdict = `${job.status} ${job.counts.failed}`;
  if (made.verdict !== verdict) status.replaceChildren(statusChip(job));
  made.verdict = verdict;
  updateProgress(bar, job);
  set(text, `${progressText(job)} · ${outlook(job)}`);
  set(failed, job.counts.failed ? count(job.counts.failed) : "–");
  set(conflicts, job.conflicts.total ? count(job.conflicts.total) : "–");
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
