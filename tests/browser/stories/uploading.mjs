// A CSV is dropped: refused line by line, or planned and applied.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { csvFile, pageAt, reads } from "../page.mjs";

const ROSTER = readFileSync(new URL("../../../examples/roster-500.csv", import.meta.url), "utf8");

export function stories(live) {
  test("a faulty CSV is refused with every fault beside its line", async () => {
    const { page, done } = await pageAt(live.demo, { path: "#/new", refused: ["400 /v1/sync-jobs"] });
    assert.ok(await page.getByRole("button", { name: "Make a dry run" }).isDisabled());
    const faulty = "ref,employee_id,email,assignments\na,E1001,,Sales T1:9\nb,E1002,b@example.com,VIP\nc,,,VIP\n";
    await page.getByLabel("Choose a CSV or XLSX file").setInputFiles(csvFile("roster.csv", faulty));
    await reads(page.locator(".picked"), "roster.csv: about 3 rows");
    await page.getByRole("button", { name: "Make a dry run" }).click();
    await reads(page.locator(".faults h2"), "3 faults; nothing was accepted");
    const rows = page.locator(".faults tbody tr");
    await reads(rows.nth(0), /line 2 assignments .*must have no proficiency.*a,E1001,,Sales T1:9/);
    await reads(rows.nth(1), /line 3 the whole row .*names the user more than once/);
    await reads(rows.nth(2), /line 4 .*names no user/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "faults-title");
    await done();
  });

  test("a CSV becomes a plan, and the plan is applied after a confirmation", { timeout: 60_000 }, async () => {
    const { page, done } = await pageAt(live.demo, { path: "#/new" });
    const some = ROSTER.split("\n").slice(0, 13).join("\n").replaceAll("Sales T1", "Sales T2");
    await page.getByLabel("Choose a CSV or XLSX file").setInputFiles(csvFile("monday.csv", some));
    await page.getByLabel("Label").fill("roster of Monday");
    await page.getByRole("button", { name: "Make a dry run" }).click();
    await reads(page.locator("h1"), "roster of Monday completed dry run");
    const planned = page.locator(".entry-rows tr", { hasText: "planned" }).first();
    await reads(planned, /added: Sales T2/);
    await reads(page.locator(".plan"), /Sales T2 \+\d+/);
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await reads(dialog, /A new job writes to Genesys \(WFM skill groups\): \d+ users?, \d+ added/);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    const plan = page.url();
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await page.getByRole("button", { name: "Apply the plan" }).click();
    await page.waitForURL((url) => url.href !== plan);
    await reads(page.locator("h1"), /roster of Monday (completed|\d+ failed)/);
    await reads(page.locator(".counts"), /applied \d+/);
    await done();
  });
}
