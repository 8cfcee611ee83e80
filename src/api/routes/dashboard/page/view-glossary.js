// The glossary: all words of the service on one page.

import { h } from "./dom.js";
import { CAUSES, OTHERS, REASONS, STATES, STATUSES } from "./words.js";

export function glossaryView(root) {
  const group = (title, words) => h("section", { class: "panel", "aria-label": title }, h("div", { class: "panel-head" }, h("h2", {}, title)),
    h("dl", { class: "list" }, Object.entries(words).map(([word, told]) => {
      const [label, text, todo, who] = typeof told === "string" ? [word, told] : told;
      return h("div", {}, h("dt", {}, label, label !== word && h("code", { class: "wire" }, word)), h("dd", {}, text, todo && [h("br"), h("b", {}, "What to do: "), todo, who && ` Call: ${who}.`]));
    })));
  root.append(h("h1", {}, "Words"), h("p", { class: "intro" }, "The words used by this dashboard, the API and the logs."),
    h("div", { class: "two" },
      h("div", {}, group("States of an entry", STATES), group("Statuses of a job", STATUSES), group("Other words", OTHERS)),
      h("div", {}, group("Causes of conflicts", CAUSES), group("Reasons", REASONS))));
}
