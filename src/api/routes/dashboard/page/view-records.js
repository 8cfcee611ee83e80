// Records that could not be read from an HR system, by source, with a button to read them again.

import { post } from "./api.js";
import { confirmed } from "./dialogs.js";
import { h, once, render, say } from "./dom.js";
import { count, fullTime, many, when } from "./format.js";
import { tried } from "./parts.js";
import { records } from "./records.js";
import { term } from "./tips.js";

// Maximum number of deliveries shown per record.
const NAMED = 3;

export function recordsView(root, _, signal) {
  const title = h("h1", { tabindex: -1 }, "Records that could not be read");
  const fault = h("div", { class: "action-fault" });
  const place = h("div", { class: "known" }, h("p", { class: "empty" }, "Reading …"));
  root.append(
    h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "#/" }, "Jobs"), " / ", h("span", { "aria-current": "page" }, "records")),
    title,
    h("p", { class: "intro" }, "An HR system said that these people have changed, but the ", term("other", "record", "record"), " with the change could not be read. Until it is read, nothing is done for them."),
    fault, place);

  const again = async (source) => {
    if (!(await confirmed(questionOf(source)))) return;
    await tried(fault, async () => {
      const { records: taken } = await post(`/v1/webhook-records/retry?source=${encodeURIComponent(source)}`);
      say(`${source}: ${many(taken, "record is", "records are")} read again`);
      // The button disappears with the records, so the focus moves to the title.
      title.focus({ preventScroll: true });
      records.refresh();
    });
  };
  const update = once(() => {
    if (!records.loaded || signal.aborted) return;
    render(place, [records.items, records.total], () => listOf(again));
  });
  records.addEventListener("change", update, { signal });
  records.watch(signal);
  update();
}

function questionOf(source) {
  return {
    title: `Try the records of ${source} again?`,
    text: [`All failed records of ${source} are read again from the HR system, and the resulting changes are written to Genesys.`, "Records whose cause persists will fail again; the reasons say what to fix first."],
    button: "Try them again",
  };
}

function listOf(again) {
  if (records.total === 0) return h("p", { class: "calm" }, h("span", { class: "dot is-good", "aria-hidden": "true" }), " Every record could be read.");
  const left = records.total - records.items.length;
  return [
    ...Array.from(records.bySource(), ([source, items]) => sourceOf(source, items, again)),
    left > 0 && h("p", { class: "notice" }, `${many(left, "more record")}: GET /v1/webhook-records?state=failed.`),
  ];
}

function sourceOf(source, items, again) {
  const button = h("button", { type: "button", "data-key": `again-${source}`, onclick: () => again(source) }, "Try again", h("span", { class: "hidden" }, `: ${source}`));
  return h("section", { class: "panel records", "aria-label": `Source ${source}` },
    h("div", { class: "panel-head" }, h("h2", {}, source), h("div", { class: "tools" }, button)),
    h("table", { class: "rows" }, h("caption", { class: "hidden" }, `Records of ${source} that could not be read`),
      h("thead", {}, h("tr", {}, ["Record", "Since", "Deliveries", "Why"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, items.map(rowOf))));
}

function rowOf({ record, since, deliveries, calls, problem, failedAt }) {
  const named = deliveries.slice(0, NAMED).map((delivery) => h("li", {}, h("code", {}, delivery)));
  const more = deliveries.length - named.length;
  return h("tr", {},
    h("th", { scope: "row" }, record),
    h("td", { "data-head": "Since", title: since ? fullTime(since) : null }, since ? when(since) : ""),
    h("td", { "data-head": "Deliveries" }, h("ul", {}, named, more > 0 && h("li", { class: "muted" }, `and ${count(more)} more`))),
    h("td", { "data-head": "Why" }, h("span", { class: "message" }, problem ?? ""), h("span", { class: "muted fine" }, ` asked ${many(calls, "time")}, given up ${when(failedAt)}`)));
}
