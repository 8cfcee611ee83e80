// The audit records of one job, read only when opened, because this requires an API key with the role admin.

import { Refused, get } from "./api.js";
import { h } from "./dom.js";
import { fullTime, when } from "./format.js";
import { notice } from "./parts.js";

const KINDS = { key: "key", source: "source", keyless: "a local caller without a key", operator: "the operator of the service" };

export const actorOf = (by) => (by.name ? `${KINDS[by.kind]} ${by.name}` : KINDS[by.kind]);

export function witnessesOf(job, signal) {
  const body = h("div", { "aria-live": "polite" });
  const opened = async ({ target }) => {
    if (!target.open) return;
    body.replaceChildren(h("p", { class: "muted" }, "Reading …"));
    try {
      const { items } = await get(`/v1/audit?limit=200&jobId=${encodeURIComponent(job.id)}`, signal);
      body.replaceChildren(items.length ? h("ul", { class: "witnesses" }, items.reverse().map(line)) : h("p", { class: "muted" }, "There are no audit records about this job."));
    } catch (fault) {
      if (!(fault instanceof Refused)) throw fault;
      body.replaceChildren(notice("warn", fault.message));
    }
  };
  return h("details", { class: "panel", ontoggle: opened }, h("summary", { "data-key": "witnesses" }, "Audit records"), body);
}

function line(record) {
  const where = [record.address && `from ${record.address}`, record.requestId && `request ${record.requestId}`, record.about].filter(Boolean);
  return h("li", {}, h("time", { datetime: record.at, title: fullTime(record.at) }, when(record.at)), " ",
    h("b", {}, record.action), ` by ${actorOf(record.by)}`, h("span", { class: "muted" }, where.length ? ` ${where.join(", ")}` : ""));
}
