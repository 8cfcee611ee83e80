// What changes something is asked first: applying what is held, cancelling, retrying.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pageAt, reads } from "../page.mjs";
import { client, KEYS } from "../services.mjs";
import { signIn } from "./access.mjs";

const ROSTER = readFileSync(new URL("../../../examples/roster-500.csv", import.meta.url), "utf8");

export function stories(live) {
  test("a job is cancelled only when it is confirmed, and its rest can be retried", { timeout: 60_000 }, async () => {
    const api = client(live.demo.url);
    const job = await api.submit({ target: "wfmSkillGroups", dryRun: true, label: "by mistake" }, ROSTER);
    const { page, done } = await pageAt(live.demo, { path: `#/jobs/${job.id}` });
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByRole("button", { name: "Not now" }).click();
    assert.equal((await api.ask(`/v1/sync-jobs/${job.id}`)).finishedAt, null);
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByRole("button", { name: "Cancel the job" }).click();
    await reads(page.locator("h1"), "by mistake cancelled");
    await reads(page.locator(".counts"), /cancelled \d+/);
    await page.getByRole("button", { name: "Retry", exact: true }).click();
    await reads(page.getByRole("dialog"), /A new job is made of the \d+ cancelled/);
    await page.getByRole("button", { name: "Retry them" }).click();
    await page.waitForURL((url) => !url.href.includes(job.id));
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByRole("button", { name: "Cancel the job" }).click();
    await reads(page.locator("h1"), "by mistake cancelled");
    await done();
  });

  test("a held job shows what it would take away, and is applied or cancelled", { timeout: 60_000 }, async () => {
    const api = client(live.guarded.url, KEYS.boss);
    const held = async (label) => api.ended((await api.submit({ target: "wfmSkillGroups", mode: "replace", label }, everybody("Group 1"))).id);
    const [wanted, mistaken] = [await held("new structure"), await held("an empty export")];
    assert.deepEqual([wanted.status, mistaken.status], ["held", "held"]);
    const { page, done } = await pageAt(live.guarded, { refused: ["401 /v1/sync-jobs", "401 /v1/limits"] });
    await signIn(page, KEYS.boss);
    await reads(page.locator(".headline"), "2 jobs held");
    await page.locator(".need", { hasText: "new structure is held" }).getByRole("link", { name: "Decide" }).click();
    await reads(page.locator(".held"), /Held: \d+ users would lose assignments, .*Would be lost Users Of those who have it Would be left Group \d+ −\d+ \d+ % \d+/);
    await reads(page.locator("#entry-count"), "1–50 of 60");
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await reads(page.getByRole("dialog"), "60 held entries will be written to Genesys");
    await page.getByRole("button", { name: "Apply it" }).click();
    await reads(page.locator("h1"), "new structure completed");
    await reads(page.locator(".counts"), "applied 60");
    await page.goto(`${live.guarded.url}/#/jobs/${mistaken.id}`);
    await page.getByRole("button", { name: "Cancel it" }).click();
    await page.getByRole("button", { name: "Cancel the job" }).click();
    await reads(page.locator("h1"), "an empty export cancelled");
    await done();
  });
}

// The first 60 users, each with one group.
export function everybody(group) {
  return ["employee_id,assignments", ...Array.from({ length: 60 }, (_, n) => `E${1001 + n},${group}`)].join("\n");
}
