// The actions on a job. Every change is confirmed first, in a dialog that says what will happen.

import { job as pathOf, newSubmissionName, post } from "./api.js";
import { confirmed } from "./dialogs.js";
import { h, render, say } from "./dom.js";
import { count, many } from "./format.js";
import { reasonsAsCsv, rowsAsCsv } from "./download.js";
import { isOpen, jobs } from "./jobs.js";
import { nameOf, notice, tried } from "./parts.js";
import { planTotals } from "./plan.js";
import { TARGETS } from "./words.js";

export function actionsOf(entries, again) {
  const buttons = h("div", { class: "buttons" });
  const fault = h("div", { class: "action-fault" });
  const run = async (action, question) => {
    const { job } = entries;
    if (!(await confirmed(question))) return;
    await tried(fault, async () => {
      // A new key for each confirmed action, so that a repeated request does not make a second job.
      const made = await post(`${pathOf(job.id)}/${action}`, { headers: { "idempotency-key": newSubmissionName() } });
      jobs.put(made);
      jobs.refresh();
      say(`${nameOf(job)}: ${action} accepted`);
      if (made.id !== job.id) location.hash = `#/jobs/${made.id}`;
      // A followed job updates itself.
      else if (!entries.live) again();
    });
  };
  const download = async (what) => {
    fault.replaceChildren();
    try {
      await what();
    } catch (refusal) {
      fault.replaceChildren(notice("fault", refusal.message));
    }
  };
  const update = () => {
    const { job } = entries;
    const possible = possibleOf(job);
    render(buttons, [possible, job.counts.failed], () => [
      job.counts.failed > 0 && button("Failed rows (CSV)", "", () => download(() => rowsAsCsv(job, "failed"))),
      job.counts.failed > 0 && button("Reasons (CSV)", "", () => download(() => reasonsAsCsv(job, entries.matching("failed", "")))),
      possible.includes("retry") && button("Retry", "", () => run("retry", retryQuestion(entries.job))),
      possible.includes("cancel") && button(job.status === "held" ? "Cancel it" : "Cancel", "danger", () => run("cancel", cancelQuestion(entries.job))),
      possible.includes("apply") && button("Apply", "primary", () => run("apply", applyQuestion(entries))),
    ]);
  };
  return { element: h("div", { class: "actions" }, buttons, fault), update };
}

function button(text, kind, onclick) {
  return h("button", { type: "button", class: kind || null, "data-key": `action-${text}`, onclick }, text);
}

function possibleOf(job) {
  const { counts, status } = job;
  const open = isOpen(job);
  return [
    !open && status !== "held" && counts.failed + counts.cancelled > 0 && "retry",
    (open || status === "held") && "cancel",
    (status === "held" || (job.dryRun && !open && counts.planned > 0)) && "apply",
  ].filter(Boolean);
}

function cancelQuestion(job) {
  const left = job.counts.pending + job.counts.waiting + job.counts.held;
  return {
    title: `Cancel ${nameOf(job)}?`,
    text: [`${many(left, "entry", "entries")} that ${left === 1 ? "has" : "have"} not been written will end as cancelled. Writes under way are finished first, and what was written stays written.`, "Cancelled entries can be retried later."],
    button: "Cancel the job",
    danger: true,
  };
}

function retryQuestion(job) {
  const { failed, cancelled } = job.counts;
  const what = [failed && `${count(failed)} failed`, cancelled && `${count(cancelled)} cancelled`].filter(Boolean).join(" and ");
  return {
    title: `Retry ${many(failed + cancelled, "entry", "entries")}?`,
    text: [`A new job is made of the ${what} ${failed + cancelled === 1 ? "entry" : "entries"}, with the same target and mode. ${job.dryRun ? "It is also a dry run: nothing is written." : "It writes to Genesys."}`, "Entries whose cause persists will fail again; see first what to do about it."],
    button: "Retry them",
  };
}

function applyQuestion(entries) {
  const { job } = entries;
  if (job.status === "held") {
    return {
      title: `Apply ${nameOf(job)}?`,
      text: `${many(job.counts.held, "held entry", "held entries")} will be written to Genesys (${TARGETS[job.target]}), removals included. This cannot be undone by skillsync.`,
      button: "Apply it",
      danger: true,
    };
  }
  const totals = planTotals(entries.all());
  return {
    title: `Apply the plan of ${nameOf(job)}?`,
    text: [`A new job writes to Genesys (${TARGETS[job.target]}): ${many(totals.users, "user")}, ${count(totals.added)} added, ${count(totals.removed)} removed, ${count(totals.updated)} changed.`, "Only the plan is carried out: if a user has changed since, the entry fails as “plan outdated” and nothing is written for it."],
    button: "Apply the plan",
  };
}
