// One entry in full: what happened and what to do, what changed, and every conflict.

import { copyButton } from "./download.js";
import { h } from "./dom.js";
import { exactTime, fullTime, many } from "./format.js";
import { difference, hasDifference } from "./parts.js";
import { meaning, REASONS, STATES } from "./words.js";

// The summary of an entry in its row: the difference, or why there is none.
export function whatHappened(entry) {
  const told = [];
  if (entry.reason) told.push(h("span", { class: "reason", "data-term": `reason/${entry.reason}` }, meaning("reason", entry.reason).label), " ");
  if (entry.state === "failed") told.push(h("span", { class: "message" }, entry.message ?? ""));
  else if (hasDifference(entry)) told.push(difference(entry, { preserved: false }));
  else if (entry.message) told.push(h("span", { class: "message muted" }, entry.message));
  if (entry.conflicts.length && entry.state !== "failed") told.push(h("span", { class: "muted met" }, many(entry.conflicts.length, "conflict"), " ", STATES[entry.state] && !["running", "waiting", "pending"].includes(entry.state) ? "resolved" : ""));
  return told;
}

export function entryDetails(entry) {
  const reason = REASONS[entry.reason];
  return h("div", { class: "entry" },
    entry.message && h("p", {}, h("b", {}, "What happened: "), entry.message),
    reason?.[2] && h("p", {}, h("b", {}, "What to do: "), reason[2], reason[3] && ` Call: ${reason[3]}.`),
    entry.supersededBy && h("p", {}, h("b", {}, "Superseded by "), h("a", { href: `#/jobs/${entry.supersededBy.split("/")[0]}` }, `entry ${Number(entry.supersededBy.split("/")[1]) + 1} of a job`)),
    changes(entry),
    conflictTable(entry),
    h("p", { class: "muted fine" }, [
      entry.userId && ["Genesys user id ", h("code", {}, entry.userId), copyButton(entry.userId, "user id"), " · "],
      `${many(entry.attempts, "write")} made`, entry.finishedAt && ` · ended ${fullTime(entry.finishedAt)}`,
    ].flat()));
}

function changes(entry) {
  const shown = difference(entry);
  if (!shown) return null;
  const heading = entry.state === "planned" ? "Planned changes" : entry.state === "applied" ? "Applied changes" : "Assignments";
  return h("div", {}, h("h3", {}, heading), shown);
}

function conflictTable(entry) {
  if (entry.conflicts.length === 0) return null;
  const rows = entry.conflicts.map((conflict) => h("tr", {},
    h("td", { "data-head": "At" }, h("time", { datetime: conflict.at, title: fullTime(conflict.at) }, exactTime(conflict.at))),
    h("td", { "data-head": "Cause" }, h("span", { "data-term": `cause/${conflict.cause}` }, h("span", { class: `swatch back-${conflict.cause}`, "aria-hidden": "true" }), meaning("cause", conflict.cause).label)),
    h("td", { "data-head": "Answer", class: "number" }, conflict.status ?? "none"),
    h("td", { "data-head": "Version sent", class: "number" }, conflict.sentVersion ?? "–"),
    h("td", { "data-head": "Version found", class: "number" }, conflict.foundVersion ?? "–"),
    h("td", { "data-head": "Correlation id", class: "id" }, conflict.correlationId ? [h("code", {}, conflict.correlationId), copyButton(conflict.correlationId, "correlation id")] : "–")));
  return h("div", {}, h("h3", {}, many(entry.conflicts.length, "conflict")),
    h("table", { class: "rows inner" }, h("caption", { class: "hidden" }, "Conflicts of this entry"),
      h("thead", {}, h("tr", {}, ["At", "Cause", "Answer", "Version sent", "Version found", "Correlation id"].map((text, at) => h("th", { scope: "col", class: at > 1 && at < 5 ? "number" : null }, text)))),
      h("tbody", {}, rows)));
}
