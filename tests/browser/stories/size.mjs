// 200 jobs and 10,000 entries: how long the page takes, measured in the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pageAt, reads } from "../page.mjs";
import { client, KEYS } from "../services.mjs";
import { signIn } from "./access.mjs";

const JOBS = 200;
const ENTRIES = 10_000;
// A task that is longer holds up a key press noticeably. Generous for a machine that does other things as well.
const LONGEST_TASK = 250;
const LONGEST_FILTER = 300;

// 10,000 rows about 300 users, and some about nobody.
function bigRoster(shift = 0) {
  const group = (n) => `Group ${1 + ((n + shift) % 30)}`;
  const row = (n) => `row-${n},E${n % 40 ? 1001 + (n % 300) : 90_000 + n},${group(n)};${group(n + 7)}`;
  return ["ref,employee_id,assignments", ...Array.from({ length: ENTRIES }, (_, n) => row(n))].join("\n");
}

async function fill(api) {
  const big = await api.submit({ target: "wfmSkillGroups", sameUser: "inOrder", label: "the whole company" }, bigRoster());
  for (let n = 0; n < JOBS; n += 20) {
    const submit = (_, at) => api.submit({ target: "wfmSkillGroups", label: `team ${n + at}` }, `employee_id,assignments\nE${1001 + n + at},Group 1\n`);
    await Promise.all(Array.from({ length: 20 }, submit));
  }
  return api.ended(big.id);
}

// From an input to the frame that shows its effect, in milliseconds, and the longest task since the start.
const timed = (page, action, shown) =>
  page.evaluate(async ({ action, shown }) => {
    const field = document.querySelector(action.field);
    const begun = performance.now();
    field.value = action.value;
    field.dispatchEvent(new Event(action.event, { bubbles: true }));
    while (!document.querySelector(shown.element).textContent.includes(shown.text)) {
      if (performance.now() - begun > 5000) throw new Error(`still ${document.querySelector(shown.element).textContent}`);
      await new Promise(requestAnimationFrame);
    }
    return performance.now() - begun;
  }, { action, shown });

const observeTasks = () => {
  window.longTasks = [];
  new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((entry) => Math.round(entry.duration)))).observe({ type: "longtask" });
};
const longest = (page) => page.evaluate(() => Math.max(0, ...window.longTasks));

// How long it takes to find and filter among the entries of a job, from a fresh load of the page.
async function measureEntries(page, address) {
  await page.goto(address);
  await page.reload();
  await reads(page.locator("#entry-count"), `1–50 of ${ENTRIES.toLocaleString("en")}`);
  const search = (value, text) => timed(page, { field: "#entry-search", value, event: "input" }, { element: "#entry-count", text });
  const [searchEntries, searchAgain] = [await search("row-9999", "1–1 of 1"), await search("e1100", "of 34")];
  await search("", "of 10,000");
  const filterEntries = await timed(page, { field: "#entry-state", value: "failed", event: "change" }, { element: "#entry-count", text: "of 250" });
  assert.equal(await page.locator(".entry-rows tbody tr").count(), 50);
  return { searchEntries, searchAgain, filterEntries, longestTaskEntries: await longest(page) };
}

const isWithin = ({ longestTaskEntries, ...times }) => longestTaskEntries < LONGEST_TASK && Object.values(times).every((time) => time < LONGEST_FILTER);

// The first of three measurements that is within the limits, else the last: what else the machine does only ever adds
// time, so a page that is too slow is so each time.
async function best(measure) {
  for (let left = 2; ; left -= 1) {
    const figures = await measure();
    if (left === 0 || isWithin(figures)) return figures;
  }
}

export function stories(live) {
  test("200 jobs and 10,000 entries stay responsive", { timeout: 90_000 }, async (context) => {
    const api = client(live.guarded.url, KEYS.boss);
    const big = await fill(api);
    assert.equal(big.counts.total, ENTRIES);
    const { page, done } = await pageAt(live.guarded, { refused: ["401 /v1/sync-jobs", "401 /v1/limits"] });
    await page.addInitScript(observeTasks);
    await signIn(page, KEYS.boss);
    await page.reload();
    await reads(page.locator(".jobs .pager"), /1–25 of 20\d/);
    const search = await timed(page, { field: "#jobs-label", value: "team 77", event: "input" }, { element: ".jobs .pager", text: "1–1 of 1" });
    const list = await longest(page);
    const entries = await best(() => measureEntries(page, `${live.guarded.url}/#/jobs/${big.id}`));
    const figures = { searchJobs: search, longestTaskJobs: list, ...entries };
    context.diagnostic(Object.entries(figures).map(([name, value]) => `${name} ${Math.round(value)}`).join(", "));
    assert.ok(search < LONGEST_FILTER && list < LONGEST_TASK && isWithin(entries), JSON.stringify(figures));
    await done();
  });

  test("a job of 10,000 entries is watched live without long tasks", { timeout: 90_000 }, async (context) => {
    const api = client(live.guarded.url, KEYS.boss);
    const { page, done } = await pageAt(live.guarded, { refused: ["401 /v1/sync-jobs", "401 /v1/limits"] });
    await signIn(page, KEYS.boss);
    await page.addInitScript(observeTasks);
    const big = await api.submit({ target: "wfmSkillGroups", mode: "add", label: "the whole company, live" }, bigRoster(3));
    await page.goto(`${live.guarded.url}/#/jobs/${big.id}`);
    await page.reload();
    const told = await reads(page.locator(".standing"), /ended/);
    await reads(page.locator("h1"), "the whole company, live 250 failed", 60_000);
    await reads(page.locator("#entry-count"), `1–50 of ${ENTRIES.toLocaleString("en")}`);
    const task = await longest(page);
    context.diagnostic(`first seen: ${told}; longest task ${task} ms`);
    assert.ok(task < LONGEST_TASK, `${task} ms`);
    await done();
  });
}
