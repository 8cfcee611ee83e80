// A browser, and pages that are watched: what they log, where they send requests, what their policy forbids.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

let browser;

export async function openBrowser() {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP rebound.example 127.0.0.1"] });
}

// A page of its own context that nobody watches: somebody else's.
export async function strangePage() {
  const context = await browser.newContext();
  return { page: await context.newPage(), done: () => context.close() };
}

export const closeBrowser = () => browser?.close();

// A page of its own context at a service. `refused` lists the refusals that the story means to cause: "400 /v1/sync-jobs".
export async function pageAt(service, { path = "", width = 1280, height = 900, scheme = "light", refused = [] } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, acceptDownloads: true, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults = [];
  const host = new URL(service.url).host;
  page.on("pageerror", (error) => faults.push(`error: ${error.stack}`));
  page.on("request", (request) => new URL(request.url()).host === host || /^(blob|data):/.test(request.url()) || faults.push(`request to ${request.url()}`));
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const status = /status of (\d+)/.exec(message.text())?.[1];
    const where = message.location().url ? new URL(message.location().url).pathname : "";
    if (!refused.includes(`${status} ${where}`)) faults.push(`console: ${message.text()} ${where}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.goto(`${service.url}/${path}`);
  // Ends the page; nothing may have been logged, nothing asked of another host.
  const done = async () => {
    await context.close();
    assert.deepEqual(faults, []);
  };
  return { page, done };
}

// Waits, frame by frame, until an element reads as expected; tells what it read if it never does.
export async function reads(locator, expected, timeout = 15_000) {
  const matches = (text) => (expected instanceof RegExp ? expected.test(text) : text.includes(expected));
  const until = performance.now() + timeout;
  let texts = [];
  while (performance.now() < until) {
    texts = await locator.evaluateAll(async (elements) => {
      await new Promise(requestAnimationFrame);
      return elements.map((element) => element.innerText.replaceAll(/\s+/g, " "));
    });
    const found = texts.find(matches);
    if (found !== undefined) return found;
  }
  assert.fail(`expected ${expected}, read: ${texts.join(" | ") || "nothing at all"}`);
}

// What a click downloads, as text.
export async function downloaded(page, click) {
  const [download] = await Promise.all([page.waitForEvent("download"), click()]);
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  return { name: download.suggestedFilename(), text: Buffer.concat(chunks).toString() };
}

export const csvFile = (name, text) => ({ name, mimeType: "text/csv", buffer: Buffer.from(text) });
