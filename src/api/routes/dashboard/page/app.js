// The frame of the page: the current view, the theme, signing in, and whether the service answers.

import { access, hasKey, setKey } from "./api.js";
import { signIn } from "./dialogs.js";
import { h } from "./dom.js";
import { jobs } from "./jobs.js";
import { startTips } from "./tips.js";
import { jobView } from "./view-job.js";
import { rateLimiterView } from "./view-rate-limiter.js";
import { glossaryView } from "./view-glossary.js";
import { newView } from "./view-new.js";
import { overview } from "./view-overview.js";
import { recordsView } from "./view-records.js";
import { userView } from "./view-user.js";

const main = document.getElementById("main");
const VIEWS = {
  "": { view: overview, page: "overview", title: "Jobs" },
  jobs: { view: jobView, page: "overview", title: "Job" },
  users: { view: userView, page: "", title: "User" },
  records: { view: recordsView, page: "", title: "Records" },
  new: { view: newView, page: "new", title: "Dry run" },
  "rate-limiter": { view: rateLimiterView, page: "rate-limiter", title: "Rate limiter" },
  // Its address in earlier versions.
  gate: { view: rateLimiterView, page: "rate-limiter", title: "Rate limiter" },
  glossary: { view: glossaryView, page: "glossary", title: "Words" },
};

let shown = null;

// Shows the view named by the URL, and ends the previous view through its signal.
function show(first = false) {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const chosen = VIEWS[name] ?? VIEWS[""];
  shown?.abort();
  shown = new AbortController();
  document.title = `${chosen.title} · skillsync`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === chosen.page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const root = h("div", { class: `view view-${name || "overview"}` });
  main.replaceChildren(root);
  chosen.view(root, decoded(rest.join("/")), shown.signal);
  scrollTo(0, 0);
  if (!first) main.focus({ preventScroll: true });
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const THEMES = { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" };

function showTheme() {
  const theme = document.documentElement.dataset.theme ?? "auto";
  const button = document.getElementById("theme");
  button.textContent = { auto: "◐", light: "☀", dark: "☾" }[theme];
  button.title = THEMES[theme];
  button.setAttribute("aria-label", `${THEMES[theme]}. Change the theme`);
}

function nextTheme() {
  const order = Object.keys(THEMES);
  const next = order[(order.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % order.length];
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    if (next === "auto") localStorage.removeItem("skillsync.theme");
    else localStorage.setItem("skillsync.theme", next);
  } catch {
    // Without storage, the theme lasts only as long as the page.
  }
  showTheme();
}

function showReached(yes) {
  const place = document.getElementById("link-state");
  const text = yes ? "" : "skillsync does not answer";
  if (place.textContent !== text) place.textContent = text;
}

let needed = false;

// Asks for a key once, however many requests are refused.
async function needKey(hadKey) {
  if (needed) return;
  needed = true;
  await signIn(hadKey);
  needed = false;
  document.getElementById("sign-out").hidden = false;
  jobs.refresh();
  show();
}

access.addEventListener("reached", (event) => showReached(event.detail));
access.addEventListener("signIn", (event) => needKey(event.detail));
addEventListener("hashchange", () => show());
document.getElementById("theme").addEventListener("click", nextTheme);
document.getElementById("sign-out").addEventListener("click", () => {
  setKey(null);
  location.reload();
});
document.getElementById("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const value = document.getElementById("find-user").value.trim();
  if (value) location.hash = `#/users/${encodeURIComponent(value)}`;
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

document.getElementById("sign-out").hidden = !hasKey();
showTheme();
startTips();
show(true);
jobs.start();
