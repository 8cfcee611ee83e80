// Why entries failed: found, opened, taken away as files.

import assert from "node:assert/strict";
import { test } from "node:test";
import { downloaded, pageAt, reads } from "../page.mjs";
import { client } from "../services.mjs";

async function nightlyOf(live) {
  const { items } = await client(live.demo.url).ask("/v1/sync-jobs");
  return items.find((job) => job.label === "nightly");
}

export function stories(live) {
  test("failed rows are filtered, searched and opened", async () => {
    const job = await nightlyOf(live);
    const { page, done } = await pageAt(live.demo, { path: `#/jobs/${job.id}` });
    await reads(page.locator("#entry-count"), "1–50 of 500");
    await page.getByLabel("State", { exact: true }).selectOption("failed");
    await reads(page.locator("#entry-count"), "1–3 of 3");
    await reads(page.locator(".entry-rows"), "published schedule");
    const user = await page.locator(".entry-rows th a").first().innerText();
    await page.getByLabel("Search the entries").fill(user);
    await reads(page.locator("#entry-count"), "1–1 of 1");
    await page.locator(".open").click();
    await reads(page.locator(".details"), /What to do: Have this resolved in Genesys/);
    assert.equal(await page.locator(".details .inner tbody tr").count(), 5);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const id = await page.locator(".details .id code").first().innerText();
    await page.getByRole("button", { name: `Copy the correlation id ${id}` }).click();
    await reads(page.locator("#said"), "was copied");
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), id);
    await page.getByLabel("Search the entries").fill("nothing like that");
    await reads(page.locator(".entries .empty"), "No matching entries.");
    await done();
  });

  test("failed rows are downloaded, and can be submitted again", async () => {
    const job = await nightlyOf(live);
    const { page, done } = await pageAt(live.demo, { path: `#/jobs/${job.id}` });
    const rows = await downloaded(page, () => page.getByRole("button", { name: "Failed rows (CSV)" }).click());
    assert.match(rows.name, /^nightly-.*-failed\.csv$/);
    const [head, ...lines] = rows.text.trim().split("\n");
    assert.equal(head, "ref,user_id,email,employee_id,external_id,assignments,occurred_at");
    assert.equal(lines.length, 3);
    const again = await client(live.demo.url).submit({ target: "wfmSkillGroups", dryRun: true, label: "again" }, rows.text);
    assert.equal(again.counts.total, 3);
    const reasons = await downloaded(page, () => page.getByRole("button", { name: "Reasons (CSV)" }).click());
    assert.match(reasons.text, /^ref,user,.*correlation_id/);
    assert.equal(reasons.text.match(/failed,blocked,/g)?.length, 3);
    await done();
  });

  test("a user's history is found by employee id and by e-mail, and a stranger is told of", async () => {
    const { page, done } = await pageAt(live.demo, { refused: ["404 /v1/users/nobody%40example.com"] });
    const find = page.getByRole("searchbox", { name: /Find a user/ });
    await find.fill("E1001");
    await find.press("Enter");
    await reads(page.locator("h1"), "E1001");
    await reads(page.locator(".history"), /nightly (applied|unchanged)/);
    await reads(page.locator(".panel").first(), "Assigned by skillsync");
    await reads(page.locator(".owned .owners").first(), "default");
    await find.fill("nobody@example.com");
    await find.press("Enter");
    await reads(page.locator(".panel"), "No job has named this user");
    await done();
  });
}
