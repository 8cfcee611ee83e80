// Submits a CSV or XLSX roster as a dry run, and shows its faults line by line, or its plan.

import { newSubmissionName, post, Refused } from "./api.js";
import { h, say } from "./dom.js";
import { count, many } from "./format.js";
import { jobs } from "./jobs.js";
import { notice } from "./parts.js";
import { MODES, SAME_USER, TARGETS } from "./words.js";

const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const EXAMPLE = "ref,employee_id,assignments\nrow-1,E1001,Sales T1;German\nrow-2,E1002,\"Billing T2;Spanish\"";

export function newView(root, _, signal) {
  const picked = { file: null, text: "", name: "", type: "" };
  const file = h("input", { type: "file", id: "csv", accept: `.csv,.tsv,.xlsx,text/csv,text/plain,${XLSX}`, onchange: () => take(file.files[0]) });
  const what = h("p", { class: "picked", "aria-live": "polite" }, "or drop it here");
  const drop = h("div", { class: "drop" }, h("label", { for: "csv" }, "Choose a CSV or XLSX file"), file, what);
  const target = h("select", { id: "target" }, Object.entries(TARGETS).map(([value, text]) => h("option", { value }, text)));
  const mode = h("select", { id: "mode", "aria-describedby": "mode-text", onchange: showMode }, Object.keys(MODES).map((value) => h("option", { value, selected: value === "managed" }, value)));
  const modeText = h("p", { class: "muted", id: "mode-text" });
  const sameUser = h("select", { id: "same-user" }, Object.entries(SAME_USER).map(([value, text]) => h("option", { value }, text)));
  const label = h("input", { id: "label", maxlength: 256, placeholder: "for example: Monday's roster" });
  const go = h("button", { class: "primary", disabled: true }, "Make a dry run");
  const result = h("div", { class: "result" });
  root.append(h("h1", {}, "Dry run of a file"),
    h("p", { class: "intro" }, "Shows what a roster would change. Nothing is written until you apply the plan."),
    h("form", { class: "panel form", onsubmit: submit },
      drop,
      h("div", { class: "fields" },
        h("div", {}, h("label", { for: "target" }, "Target"), target),
        h("div", {}, h("label", { for: "mode" }, "Mode"), mode, modeText),
        h("div", {}, h("label", { for: "same-user" }, "Several rows for one user"), sameUser),
        h("div", {}, h("label", { for: "label" }, "Label"), label)),
      h("div", { class: "buttons" }, go)),
    result,
    h("details", { class: "panel help" }, h("summary", {}, "File format"),
      h("p", {}, "The first line names the columns: ", h("code", {}, "ref"), ", one of ", h("code", {}, "user_id"), ", ", h("code", {}, "email"), ", ", h("code", {}, "employee_id"), ", ", h("code", {}, "external_id"), ", then ", h("code", {}, "assignments"), " and, if known, ", h("code", {}, "occurred_at"), ". Assignments are separated by semicolons; a proficiency follows a colon, for routing skills only: ", h("code", {}, "German:4;Spanish:3.5"), ". Columns are separated by commas, semicolons or tabs. Save CSV as UTF-8, or choose the spreadsheet (XLSX) itself."),
      h("pre", { tabindex: 0 }, EXAMPLE)));
  showMode();

  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => (event.preventDefault(), drop.classList.add("over")));
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => (event.preventDefault(), take(event.dataTransfer.files[0])));

  function showMode() {
    modeText.textContent = MODES[mode.value];
  }
  async function take(chosen) {
    if (!chosen) return;
    picked.file = chosen;
    picked.type = /\.xlsx$/i.test(chosen.name) ? XLSX : "text/csv";
    picked.text = picked.type === XLSX ? "" : await chosen.text();
    picked.name = newSubmissionName();
    const rows = Math.max(0, picked.text.trimEnd().split("\n").length - 1);
    what.textContent = picked.type === XLSX ? `${chosen.name}: first visible sheet` : `${chosen.name}: about ${many(rows, "row")}`;
    go.disabled = false;
    result.replaceChildren();
  }
  async function submit(event) {
    event.preventDefault();
    if (!picked.file) return;
    go.disabled = true;
    result.replaceChildren();
    const query = new URLSearchParams({ target: target.value, mode: mode.value, dryRun: "true", label: label.value.trim() || picked.file.name });
    if (sameUser.value) query.set("sameUser", sameUser.value);
    try {
      // The same file with the same choices makes one job, however often the button is pressed.
      const headers = { "content-type": picked.type, "idempotency-key": `${picked.name}-${target.value}-${mode.value}-${sameUser.value}`.slice(0, 255) };
      const job = await post(`/v1/sync-jobs?${query}`, { headers, body: picked.file, signal });
      jobs.put(job);
      jobs.refresh();
      location.hash = `#/jobs/${job.id}`;
    } catch (refusal) {
      if (signal.aborted) return;
      if (!(refusal instanceof Refused)) throw refusal;
      picked.name = newSubmissionName();
      result.replaceChildren(faultsOf(refusal, picked.text));
      result.querySelector("h2")?.focus();
      say(refusal.message);
    } finally {
      go.disabled = !picked.file;
    }
  }
}

// Returns the faults of a file, each with the line that it is in.
function faultsOf(refusal, text) {
  const { errors = [], moreErrors = 0 } = refusal.problem;
  if (errors.length === 0) return notice("fault", h("strong", {}, `${refusal.title || "Refused"}: `), refusal.message);
  const lines = text.split(/\r\n|\n|\r/);
  const rows = errors.map((fault) => {
    const column = (fault.pointer ?? "").replace(/^\//, "") || fault.parameter || "";
    return h("tr", {},
      h("th", { scope: "row", class: "line-number" }, fault.cell ?? (fault.line ? `line ${count(fault.line)}` : "")),
      h("td", { "data-head": "Column" }, column ? h("code", {}, column) : "the whole row"),
      h("td", { "data-head": "What is wrong" }, fault.detail, fault.line && lines[fault.line - 1] !== undefined ? h("code", { class: "quoted" }, lines[fault.line - 1].slice(0, 200)) : null));
  });
  const total = errors.length + moreErrors;
  return h("section", { class: "panel faults", "aria-labelledby": "faults-title" },
    h("div", { class: "panel-head" }, h("h2", { id: "faults-title", tabindex: -1 }, `${many(total, "fault")}; nothing was accepted`)),
    h("p", { class: "caption" }, "Correct the file and choose it again. All faults are listed at once", moreErrors ? `, the first ${count(errors.length)} of them here.` : "."),
    h("table", { class: "rows" }, h("caption", { class: "hidden" }, "Faults of the file"),
      h("thead", {}, h("tr", {}, ["Where", "Column", "What is wrong"].map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, rows)));
}
