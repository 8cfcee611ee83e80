// The entries of one job in pages, with search and a filter by state; each opens to show all its details.

import { h, keyed, once, say } from "./dom.js";
import { count, fullTime, many } from "./format.js";
import { MOST } from "./entries.js";
import { entryDetails, whatHappened } from "./entry-details.js";
import { chip, userLink } from "./parts.js";
import { STATE_ORDER } from "./words.js";

const ON_A_PAGE = 50;

export function entriesTable(entries, firstState, signal) {
  const chosen = { state: firstState, text: "", page: 0, open: new Set() };
  const state = h("select", { id: "entry-state", onchange: () => choose(state.value) });
  const search = h("input", { id: "entry-search", type: "search", placeholder: "User, row, skill, message", title: "Searches user, row, message, skill and correlation id", spellcheck: "false", oninput: () => choose(chosen.state, search.value) });
  const body = h("tbody");
  const empty = h("p", { class: "empty", hidden: true });
  const part = h("p", { class: "notice", hidden: true });
  const where = h("span", { class: "muted", id: "entry-count" });
  const back = h("button", { type: "button", onclick: () => turn(-1) }, "Previous");
  const on = h("button", { type: "button", onclick: () => turn(1) }, "Next");
  const element = h("section", { class: "panel entries", "aria-labelledby": "entries-title" },
    h("div", { class: "panel-head" }, h("h2", { id: "entries-title", tabindex: -1 }, "Entries"),
      h("div", { class: "tools" }, h("label", { class: "hidden", for: "entry-state" }, "State"), state, h("label", { class: "hidden", for: "entry-search" }, "Search the entries"), search)),
    part,
    h("table", { class: "rows entry-rows" }, h("caption", { class: "hidden" }, "Entries in the order in which they were submitted"),
      h("thead", {}, h("tr", {}, ["Row", "User", "State", "What happened"].map((text) => h("th", { scope: "col" }, text)))), body),
    empty, h("div", { class: "pager" }, back, where, on));

  const update = once(() => {
    if (signal.aborted || !entries.job) return;
    updateStates();
    const found = entries.matching(chosen.state, chosen.text);
    const pages = Math.max(1, Math.ceil(found.length / ON_A_PAGE));
    chosen.page = Math.min(chosen.page, pages - 1);
    const from = chosen.page * ON_A_PAGE;
    const shown = found.slice(from, from + ON_A_PAGE).flatMap((entry) => (chosen.open.has(entry.index) ? [{ entry }, { entry, details: true }] : [{ entry }]));
    keyed(body, shown, ({ entry, details }) => `${entry.index}${details ? "-details" : ""}`, create, refresh);
    where.textContent = found.length ? `${count(from + 1)}–${count(Math.min(from + ON_A_PAGE, found.length))} of ${count(found.length)}` : "";
    back.disabled = chosen.page === 0;
    on.disabled = chosen.page >= pages - 1;
    empty.hidden = found.length > 0;
    empty.textContent = entries.all().length === 0 ? "Reading the entries …" : "No matching entries.";
    const { total } = entries.job.counts;
    part.hidden = total <= MOST;
    part.textContent = `Search and filter cover the first ${count(MOST)} of ${count(total)} entries and the failed ones. For all entries: GET /v1/sync-jobs/${entries.job.id}/entries.`;
  });

  function updateStates() {
    const { counts } = entries.job;
    const wanted = [["", `All states (${count(counts.total)})`], ...STATE_ORDER.filter((name) => counts[name] || name === chosen.state).map((name) => [name, `${name} (${count(counts[name])})`])];
    keyed(state, wanted, ([value]) => value, ([value]) => h("option", { value }), (option, [, text]) => option.textContent !== text && (option.textContent = text));
    if (state.value !== chosen.state) state.value = chosen.state;
  }
  const create = ({ entry, details }) => (details ? h("tr", { class: "details" }, h("td", { colspan: 4 })) : row(entry, toggle));
  const refresh = (made, { entry, details }) => {
    if (made.entry === entry && made.open === chosen.open.has(entry.index)) return;
    made.entry = entry;
    made.open = chosen.open.has(entry.index);
    if (details) made.firstChild.replaceChildren(entryDetails(entry));
    else updateRow(made, entry, made.open);
  };
  function toggle(index) {
    if (!chosen.open.delete(index)) chosen.open.add(index);
    update();
  }
  function turn(by) {
    chosen.page += by;
    update();
    element.scrollIntoView({ block: "start" });
  }
  let telling;
  // Shows the entries in a state that contain a text.
  function choose(wanted, text = "") {
    if (document.activeElement !== state || wanted !== state.value) search.value = text;
    else text = search.value;
    Object.assign(chosen, { state: wanted, text, page: 0 });
    update();
    clearTimeout(telling);
    telling = setTimeout(() => say(`${many(entries.matching(chosen.state, chosen.text).length, "entry", "entries")} found`), 400);
  }
  const chooseAndShow = (wanted, text = "") => {
    search.value = text;
    choose(wanted, text);
    element.scrollIntoView({ block: "start" });
  };
  return { element, update, choose: chooseAndShow };
}

function row(entry, toggle) {
  const open = h("button", { type: "button", class: "open", "aria-expanded": "false", "data-key": `open-${entry.index}`, onclick: () => toggle(entry.index) },
    h("span", { class: "arrow", "aria-hidden": "true" }), h("span", {}, entry.ref ?? `#${entry.index + 1}`), h("span", { class: "hidden" }, ": details"));
  const made = h("tr", {}, h("td", { class: "ref" }, open), h("th", { scope: "row" }, userLink(entry)), h("td", { class: "state" }), h("td", { class: "what" }));
  return made;
}

function updateRow(made, entry, open) {
  const [ref, , state, what] = made.children;
  ref.firstChild.setAttribute("aria-expanded", String(open));
  state.replaceChildren(chip("state", entry.state));
  state.title = entry.finishedAt ? fullTime(entry.finishedAt) : "";
  what.replaceChildren(...whatHappened(entry));
}
