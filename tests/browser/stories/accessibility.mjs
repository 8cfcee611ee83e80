// axe-core over every view, in both themes, wide and narrow: nothing serious, nothing critical.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { csvFile, pageAt, reads } from "../page.mjs";
import { client } from "../services.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Every view in a state that has much to show.
export async function views(live) {
  const { items } = await client(live.demo.url).ask("/v1/sync-jobs?limit=100");
  const failed = items.find((job) => job.label === "nightly");
  const planned = items.find((job) => job.dryRun && job.status === "completed" && job.label === "roster of Monday");
  const entries = (page) => reads(page.locator("#entry-count"), "1–");
  return [
    { name: "overview", path: "#/", ready: (page) => reads(page.locator(".need"), "Call:") },
    { name: "job", path: `#/jobs/${failed.id}`, ready: entries },
    { name: "failed-entry", path: `#/jobs/${failed.id}/failed`, ready: async (page) => (await entries(page), page.locator(".open").first().click(), page.locator(".details").waitFor()) },
    { name: "plan", path: `#/jobs/${planned.id}`, ready: entries },
    { name: "user", path: "#/users/E1001", ready: (page) => reads(page.locator(".history"), "nightly") },
    { name: "rate-limiter", path: "#/rate-limiter", ready: (page) => reads(page.locator(".list"), "closed") },
    { name: "new", path: "#/new", ready: (page) => reads(page.locator(".picked"), "drop it") },
    { name: "faults", path: "#/new", refused: ["400 /v1/sync-jobs"], ready: faults },
    { name: "glossary", path: "#/glossary", ready: (page) => reads(page.locator("h1"), "Words") },
  ];
}

async function faults(page) {
  await page.getByLabel("Choose a CSV or XLSX file").setInputFiles(csvFile("roster.csv", "ref,employee_id,email,assignments\na,E1001,,Sales T1:9\nb,E1002,b@example.com,VIP\n"));
  await page.getByRole("button", { name: "Make a dry run" }).click();
  await reads(page.locator(".faults h2"), "2 faults");
}

async function serious(page) {
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
}

// What is wrong with a page, in each theme, on a wide and on a narrow screen.
export async function wrongWith(page) {
  const found = {};
  // Through the debugger, as the page's own policy lets nothing in.
  await page.evaluate(AXE);
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 360]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      const faults = await serious(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) faults.push(`${wide} px too wide`);
      if (faults.length) found[`${colorScheme} ${width}`] = faults;
    }
  }
  return found;
}

const VIEWS = ["overview", "job", "failed-entry", "plan", "user", "rate-limiter", "new", "faults", "glossary"];

export function stories(live) {
  for (const name of VIEWS) {
    test(`${name}: axe finds nothing serious, and nothing is wider than the screen, in both themes at 1280 and 360 px`, { timeout: 60_000 }, async () => {
      const { path, ready, refused } = (await views(live)).find((view) => view.name === name);
      const { page, done } = await pageAt(live.demo, { path, refused });
      await ready(page);
      assert.deepEqual(await wrongWith(page), {});
      await done();
    });
  }

  test("the confirmation, too", async () => {
    const { path, ready } = (await views(live)).find(({ name }) => name === "plan");
    const { page, done } = await pageAt(live.demo, { path });
    await ready(page);
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await page.getByRole("dialog").waitFor();
    assert.deepEqual(await wrongWith(page), {});
    await done();
  });
}
