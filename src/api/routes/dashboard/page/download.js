// Downloads for acting on failures, and copy buttons.

import { ask, job as pathOf } from "./api.js";
import { h, say } from "./dom.js";
import { userOf } from "./format.js";
import { REASONS } from "./words.js";

// Downloads the rows of a job in one state as submitted, for correction and another submission.
export async function rowsAsCsv(job, state) {
  const answer = await ask(`${pathOf(job.id)}/entries?state=${state}`, { headers: { accept: "text/csv" } });
  save(await answer.blob(), `${nameOf(job)}-${state}.csv`);
}

// Downloads the entries with the reason of each failure, for the people who can fix them.
export function reasonsAsCsv(job, entries) {
  const lines = [["ref", "user", "genesys_user_id", "state", "reason", "message", "what_to_do", "correlation_id", "finished_at"]];
  for (const entry of entries) {
    const id = entry.conflicts.at(-1)?.correlationId ?? "";
    const todo = REASONS[entry.reason]?.[2] ?? "";
    lines.push([entry.ref, userOf(entry.user).value, entry.userId, entry.state, entry.reason, entry.message, todo, id, entry.finishedAt]);
  }
  const text = lines.map((cells) => cells.map(cell).join(",")).join("\r\n") + "\r\n";
  save(new Blob([text], { type: "text/csv" }), `${nameOf(job)}-reasons.csv`);
}

// Spreadsheets evaluate cells that begin like this as formulas. The service applies the same rule to the rows it writes.
const FORMULA = /^'*(?:[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])/;

function cell(value) {
  const text = String(value ?? "");
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function nameOf(job) {
  const label = (job.label ?? "job").replaceAll(/[^\p{L}\p{N}_-]+/gu, "-").slice(0, 60);
  return `${label}-${job.id.slice(0, 8)}`;
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  say(`${name} downloaded`);
}

// Returns a button that copies a text and announces it.
export function copyButton(text, what) {
  const button = h("button", { type: "button", class: "copy", "aria-label": `Copy the ${what} ${text}`, onclick: copy }, "Copy");
  async function copy() {
    const done = await navigator.clipboard?.writeText(text).then(() => true, () => false) ?? false;
    // Over plain HTTP from another machine, browsers deny the clipboard; the text is then selected for Ctrl+C.
    if (!done) getSelection().selectAllChildren(button.previousElementSibling);
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    say(done ? `The ${what} was copied` : `The ${what} is selected; press Control C`);
    setTimeout(() => (button.textContent = "Copy"), 2000);
  }
  return button;
}
