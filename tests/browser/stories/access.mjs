// Where keys are configured: one is asked for, kept in this tab alone, and its role is kept to.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pageAt, reads } from "../page.mjs";
import { client, KEYS } from "../services.mjs";

const REFUSED = ["401 /v1/sync-jobs", "401 /v1/limits"];

// Signs a page in.
export async function signIn(page, key) {
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

export function stories(live) {
  test("a wrong key is refused, a right one lasts as long as the tab, signing out forgets it", async () => {
    const { page, done } = await pageAt(live.guarded, { refused: REFUSED });
    await page.getByLabel("Key", { exact: true }).fill("a guess");
    await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
    await reads(page.locator("dialog .fault"), "This key is not valid.");
    await signIn(page, KEYS.reader);
    await reads(page.locator(".headline"), "last 24 hours");
    assert.deepEqual(await page.evaluate(() => [Object.values(sessionStorage), Object.keys(localStorage), document.cookie]), [[KEYS.reader], [], ""]);
    await page.reload();
    await reads(page.locator(".headline"), "last 24 hours");
    assert.equal(await page.getByRole("dialog").count(), 0);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Key", { exact: true }).waitFor();
    assert.deepEqual(await page.evaluate(() => Object.values(sessionStorage)), []);
    await done();
  });

  test("a key that may only read is told so when it wants more", async () => {
    const job = await client(live.guarded.url, KEYS.boss).submit({ target: "wfmSkillGroups", label: "strangers" }, "employee_id,assignments\nE9,Group 1\n");
    const { page, done } = await pageAt(live.guarded, { path: `#/jobs/${job.id}`, refused: [...REFUSED, `401 /v1/sync-jobs/${job.id}`, `403 /v1/sync-jobs/${job.id}/retry`] });
    await signIn(page, KEYS.reader);
    await reads(page.locator("h1"), "strangers 1 failed");
    await page.getByRole("button", { name: "Retry", exact: true }).click();
    await page.getByRole("button", { name: "Retry them" }).click();
    await reads(page.locator(".action-fault"), "this API key may only read");
    await done();
  });

  test("an admin reads who asked for what, and others are told who may", async () => {
    const job = await client(live.guarded.url, KEYS.boss).submit({ target: "wfmSkillGroups", label: "witnessed" }, "employee_id,assignments\nE1001,Group 1\n");
    for (const [key, expected] of [[KEYS.boss, "submitted by key boss"], [KEYS.reader, "requires an API key with the role admin"]]) {
      const { page, done } = await pageAt(live.guarded, { path: `#/jobs/${job.id}`, refused: [...REFUSED, `401 /v1/sync-jobs/${job.id}`, "403 /v1/audit"] });
      await signIn(page, key);
      await reads(page.locator(".facts"), "by key boss");
      await page.getByText("Audit records").dispatchEvent("click");
      await reads(page.locator("details"), expected);
      await done();
    }
  });
}
