// A job is watched from its start to its end, live.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pageAt, reads } from "../page.mjs";
import { client, KEYS } from "../services.mjs";
import { signIn } from "./access.mjs";

export function stories(live) {
  test("a job is seen to progress and to finish, over its event stream", { timeout: 60_000 }, async () => {
    const { page, done } = await pageAt(live.demo);
    const streams = [];
    page.on("request", (request) => request.url().endsWith("/events") && streams.push(request.headers().accept));
    const row = page.locator(".jobs tbody tr", { hasText: "nightly" });
    await row.getByRole("link", { name: "nightly" }).click();
    await page.evaluate(() => {
      window.seen = new Set();
      const look = () => window.seen.add(document.querySelector(".job-progress [role=progressbar]")?.getAttribute("aria-valuenow"));
      new MutationObserver(look).observe(document.body, { subtree: true, attributes: true, childList: true });
    });
    await reads(page.locator(".standing"), /to go, done about \d\d:\d\d/);
    await reads(page.locator("h1"), "3 failed", 45_000);
    await reads(page.locator(".standing"), /500 of 500 entries ended .* took \d+ s/);
    assert.ok((await page.evaluate(() => window.seen.size)) > 5, "the bar did not move");
    assert.deepEqual(streams.slice(0, 1), ["text/event-stream"]);
    await reads(page.locator("#said"), "nightly has ended: 477 applied, 3 failed");
    await reads(page.locator(".chart-panel"), /foreign writer \d+/);
    assert.ok((await page.locator(".chart rect").count()) > 3);
    await done();
  });

  test("the first page tells how the night went and what needs somebody", async () => {
    const { page, done } = await pageAt(live.demo);
    await reads(page.locator(".headline"), "3 entries failed in 1 job.");
    await reads(page.locator(".need"), /nightly: 3 entries failed .*blocked 3: .*Call: workforce planning/);
    await reads(page.locator(".figures"), /applied 477 .* conflicts \d+/);
    await page.getByRole("link", { name: "See the rows" }).click();
    await reads(page.locator("#entry-count"), "1–3 of 3");
    await done();
  });

  test("the rate limiter shows its windows, and that it is open", async () => {
    const { page, done } = await pageAt(live.demo, { path: "#/rate-limiter" });
    await reads(page.locator(".meters"), /70 per 1 s .*3,600 per 60 s/);
    await reads(page.locator(".list"), "closed: Genesys works");
    // Two windows and three lanes.
    await page.waitForFunction(() => document.querySelectorAll("path.line").length === 5);
    await done();
  });

  test("a service that does not answer is told of, and the page comes back by itself", async () => {
    // Without a status: requests that never reached the service.
    const lost = ["/v1/sync-jobs", "/v1/limits", "/readyz"].map((path) => `undefined ${path}`);
    const { page, done } = await pageAt(live.demo, { refused: lost });
    await reads(page.locator(".headline"), "3 entries failed");
    await page.context().setOffline(true);
    await reads(page.locator("#link-state"), "skillsync does not answer");
    await reads(page.locator(".headline"), "3 entries failed");
    await page.context().setOffline(false);
    await page.locator("#link-state").waitFor({ state: "hidden" });
    await done();
  });

  test("a job names the skills that were created for it", async () => {
    const api = client(live.guarded.url, KEYS.boss);
    const rows = "employee_id,assignments\nE1001,Skill one;Skill two\nE1002,Skill two\n";
    const job = await api.ended((await api.submit({ target: "routingSkills", mode: "add", label: "new skills" }, rows)).id);
    const { page, done } = await pageAt(live.guarded, { path: `#/jobs/${job.id}`, refused: ["401 /v1/sync-jobs", "401 /v1/limits", `401 /v1/sync-jobs/${job.id}`] });
    await signIn(page, KEYS.boss);
    await reads(page.locator(".created"), "Created in Genesys because they were missing: Skill one, Skill two");
    await done();
  });
}
