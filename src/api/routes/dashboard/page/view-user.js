// One user: the assignments made by skillsync with their owners, and the latest entries with their outcomes.

import { get, Refused } from "./api.js";
import { copyButton } from "./download.js";
import { entryDetails } from "./entry-details.js";
import { h, render } from "./dom.js";
import { many, when } from "./format.js";
import { jobs } from "./jobs.js";
import { chip, heldBy, nameOf, notice } from "./parts.js";
import { TARGETS } from "./words.js";

export async function userView(root, reference, signal) {
  document.getElementById("find-user").value = reference;
  const place = h("div", { class: "known" }, h("p", { class: "empty" }, "Reading …"));
  root.append(h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "#/" }, "Jobs"), " / users / ", h("span", { "aria-current": "page" }, reference)), h("h1", {}, reference), place);
  try {
    const user = await get(`/v1/users/${encodeURIComponent(reference)}`, signal);
    const show = () => render(place, user.entries.map(({ jobId }) => jobs.get(jobId)?.label ?? null), () => historyOf(user));
    jobs.addEventListener("change", show, { signal });
    show();
  } catch (fault) {
    if (!(fault instanceof Refused)) {
      if (fault.name === "AbortError") return;
      throw fault;
    }
    const unknown = h("p", {}, "No job has named this user by this reference since the service started. Try the e-mail address, the employee id, ", h("code", {}, "authority:key"), " for an external id, or the Genesys user id.");
    place.replaceChildren(fault.status === 404 ? h("div", { class: "panel" }, h("h2", {}, "User not known"), unknown) : notice("fault", fault.message));
  }
}

function historyOf(user) {
  const owned = user.owned.filter(({ assignments }) => assignments.length > 0);
  return [
    h("p", { class: "facts" }, h("span", { class: "muted" }, "Genesys user id "), h("code", {}, user.id), copyButton(user.id, "user id")),
    h("section", { class: "panel", "aria-labelledby": "owned" }, h("div", { class: "panel-head" }, h("h2", { id: "owned" }, "Assigned by skillsync")),
      owned.length ? owned.map(ownedOf) : h("p", { class: "muted" }, "Nothing; all assignments of this user were made by others.")),
    h("section", { "aria-labelledby": "history" }, h("h2", { id: "history" }, `History: the last ${many(user.entries.length, "entry", "entries")}`), user.entries.map(entryOf)),
  ];
}

function ownedOf({ target, assignments }) {
  return h("div", { class: "owned" }, h("h3", {}, TARGETS[target]),
    h("ul", { class: "diffs" }, assignments.map((item) => h("li", { class: "diff is-preserved" }, item.name ?? item.id, heldBy(item)))));
}

function entryOf({ jobId, target, owner, entry }) {
  const job = jobs.get(jobId);
  return h("article", { class: "panel history" },
    h("div", { class: "panel-head" }, h("h3", {}, h("a", { href: `#/jobs/${jobId}` }, job ? nameOf(job) : `job ${jobId.slice(0, 8)}`), " ", chip("state", entry.state)),
      h("span", { class: "muted" }, [TARGETS[target], owner && `owner ${owner}`, entry.ref, entry.finishedAt && when(entry.finishedAt)].filter(Boolean).join(" · "))),
    entryDetails(entry));
}
