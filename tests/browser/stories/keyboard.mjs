// By keyboard alone: skip link, tips, details, dialog, theme.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pageAt, reads } from "../page.mjs";

export function stories(live) {
  test("the page is worked by keyboard, and the focus shows", async () => {
    const { page, done } = await pageAt(live.demo);
    await reads(page.locator(".headline"), "failed");
    await page.locator(".reasons .term").first().waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    await page.keyboard.press("Tab");
    await reads(page.getByRole("tooltip"), /blocked .*published schedule/);
    await page.keyboard.press("Escape");
    await page.getByRole("tooltip").waitFor({ state: "hidden" });
    const row = page.getByRole("link", { name: "nightly" }).first();
    await row.focus();
    await page.keyboard.press("Enter");
    await page.locator(".open").first().focus();
    await page.keyboard.press("Enter");
    await page.locator(".details").waitFor();
    assert.equal(await page.locator(".open").first().getAttribute("aria-expanded"), "true");
    await page.locator(".open").first().press(" ");
    await page.locator(".details").waitFor({ state: "detached" });
    await done();
  });

  test("the theme is the system's until another is chosen, and that is remembered", async () => {
    const { page, done } = await pageAt(live.demo, { scheme: "dark" });
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await ground();
    const theme = page.getByRole("button", { name: /^Theme/ });
    await theme.click();
    const light = await ground();
    assert.notEqual(light, dark);
    await page.reload();
    assert.equal(await ground(), light);
    await theme.click();
    assert.equal(await ground(), dark);
    await done();
  });
}
