// The totals of a plan, overall and by skill, to see at a glance whether a roster is complete.

import { h } from "./dom.js";
import { count, many } from "./format.js";

const SHOWN = 40;

export function planTotals(entries) {
  const totals = { users: 0, added: 0, removed: 0, updated: 0, overwritten: 0 };
  for (const entry of entries) {
    if (entry.state !== "planned") continue;
    const changes = entry.added.length + entry.removed.length + entry.updated.length;
    if (changes > 0) totals.users += 1;
    for (const field of ["added", "removed", "updated", "overwritten"]) totals[field] += entry[field].length;
  }
  return totals;
}

// The plan by skill: the number of users who gain it, lose it or get another proficiency.
export function planOf(job, entries) {
  if (!job.dryRun || job.counts.planned === 0) return null;
  const skills = new Map();
  for (const entry of entries) {
    if (entry.state !== "planned") continue;
    for (const field of ["added", "removed", "updated"]) {
      for (const item of entry[field]) {
        const name = item.name ?? item.id;
        const skill = skills.get(name) ?? { name, added: 0, removed: 0, updated: 0 };
        skill[field] += 1;
        skills.set(name, skill);
      }
    }
  }
  const weight = (skill) => skill.removed * 1e6 + skill.added + skill.updated;
  const rows = [...skills.values()].sort((one, other) => weight(other) - weight(one));
  const totals = planTotals(entries);
  const cell = (number, sign, kind) => h("td", { class: `number ${number ? kind : "muted"}` }, number ? `${sign}${count(number)}` : "–");
  return h("section", { class: "panel plan", "aria-labelledby": "plan-title" },
    h("div", { class: "panel-head" }, h("h2", { id: "plan-title" }, "The plan by skill")),
    h("p", { class: "muted caption" }, `Nothing has been written. ${many(totals.users, "user")} would change: ${count(totals.added)} added, ${count(totals.removed)} removed, ${count(totals.updated)} changed.`),
    rows.length > 0 && h("table", { class: "rows" }, h("caption", { class: "hidden" }, "Users who gain, lose or change each skill, most removals first"),
      h("thead", {}, h("tr", {}, ["Skill", "Add", "Remove", "Change"].map((text, at) => h("th", { scope: "col", class: at ? "number" : null }, text)))),
      h("tbody", {}, rows.slice(0, SHOWN).map((skill) => h("tr", {}, h("th", { scope: "row" }, skill.name), cell(skill.added, "+", "plus"), cell(skill.removed, "−", "minus"), cell(skill.updated, "~", "tilde"))))),
    rows.length > SHOWN && h("p", { class: "muted" }, `and ${many(rows.length - SHOWN, "more skill")}`));
}
