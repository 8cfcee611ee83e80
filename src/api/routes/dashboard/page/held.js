// The summary of a held job, on which an operator decides.

import { h } from "./dom.js";
import { count, many } from "./format.js";
import { notice } from "./parts.js";

// The largest losses matter most; the rest is collapsed.
const SHOWN = 5;

export function heldSummary({ held, counts }) {
  if (!held) return notice("warn", h("strong", {}, "This job is held. "), "Nothing of it has been written.");
  return h("section", { class: "notice is-warn held", "aria-label": "Why the job is held" },
    h("div", {},
      h("p", {}, h("strong", {}, `Held: ${many(held.users, "user")} would lose assignments, ${held.usersPercent} % of the users in the job.`)),
      h("p", {}, held.message),
      h("p", {}, `Apply carries out all ${count(counts.held)} held entries; cancel ends them.`)),
    held.skills.length > 0 && h("div", {}, lossesOf(held.skills.slice(0, SHOWN)),
      held.skills.length > SHOWN && h("details", { class: "as-table" }, h("summary", {}, `${count(held.skills.length - SHOWN)} more`), lossesOf(held.skills.slice(SHOWN)))));
}

function lossesOf(skills) {
  const row = (skill) => h("tr", {},
    h("th", { scope: "row" }, skill.name ?? skill.id),
    h("td", { class: "number minus" }, `−${count(skill.users)}`),
    h("td", { class: "number" }, `${skill.holdersPercent} %`),
    h("td", { class: "number" }, skill.holdersLeft === undefined ? "" : count(skill.holdersLeft)));
  return h("table", { class: "rows compact" }, h("caption", { class: "hidden" }, "What would be lost, largest losses first"),
    h("thead", {}, h("tr", {}, ["Would be lost", "Users", "Of those who have it", "Would be left"].map((text, at) => h("th", { scope: "col", class: at ? "number" : null }, text)))),
    h("tbody", {}, skills.map(row)));
}
