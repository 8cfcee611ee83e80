// Records that an HR system did not hand out: listed with the reason, and read again by whoever may.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pageAt, reads } from "../page.mjs";
import { client, KEYS } from "../services.mjs";
import { signIn } from "./access.mjs";
import { wrongWith } from "./accessibility.mjs";

const REFUSED = ["401 /v1/sync-jobs", "401 /v1/limits", "403 /v1/webhook-records/retry"];

// The button of the source.
const AGAIN = /^Try again ?: people$/;

// Waits until the service has given up so many records.
async function givenUp(api, number) {
  for (;;) {
    const { total } = await api.ask("/v1/webhook-records?state=failed");
    if (total === number) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function stories(live) {
  test("records that could not be read are listed, and read again by whoever may", { timeout: 60_000 }, async () => {
    const { hr } = live.guarded;
    for (const person of ["1", "2"]) assert.equal(await hr.tellOf(live.guarded.url, person), 202);
    const api = client(live.guarded.url, KEYS.boss);
    await givenUp(api, 2);

    const reader = await pageAt(live.guarded, { refused: REFUSED });
    await signIn(reader.page, KEYS.reader);
    const need = reader.page.locator(".need", { hasText: "2 records of people could not be read" });
    await reads(need, "the answer is 503 Service Unavailable");
    await need.getByRole("link", { name: "See the records" }).click();
    await reads(reader.page.locator(".records"), /people Try again.*Record Since Deliveries Why 1 \d\d:\d\d \S+ the answer is 503 Service Unavailable asked \d+ times?, given up \d\d:\d\d/);
    assert.equal(await reader.page.locator(".records tbody tr").count(), 2);
    assert.deepEqual(await wrongWith(reader.page), {});
    await reader.page.getByRole("button", { name: AGAIN }).click();
    await reader.page.getByRole("button", { name: "Try them again" }).click();
    await reads(reader.page.locator(".action-fault"), "this API key may only read");
    await reader.done();

    hr.mend();
    const { page, done } = await pageAt(live.guarded, { path: "#/records", refused: REFUSED });
    await signIn(page, KEYS.boss);
    // By keyboard: asked first, and nothing is done for "Not now".
    await page.getByRole("button", { name: AGAIN }).focus();
    await page.keyboard.press("Enter");
    await reads(page.getByRole("dialog"), "Try the records of people again?");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal((await api.ask("/v1/webhook-records?state=failed")).total, 2);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Try them again" }).press("Enter");
    await reads(page.locator("#said"), "people: 2 records are read again");
    await reads(page.locator(".known"), "Every record could be read.");
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");
    await page.goto(`${live.guarded.url}/#/`);
    await reads(page.locator(".jobs"), "webhook people");
    assert.equal(await page.locator(".need", { hasText: "could not be read" }).count(), 0);
    await done();
  });
}
