// Pages of other origins, in the same browser on the same machine as a service without keys: none reads or changes anything.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { strangePage } from "../page.mjs";

const EMPTY = "<!doctype html><title>a page of somebody else</title>";

// What a page can try, as it would: what it learns of each answer.
async function tries({ service, job }) {
  const learnt = async (path, options) => {
    try {
      const answer = await fetch(service + path, options);
      return { type: answer.type, status: answer.status, text: (await answer.text()).slice(0, 200) };
    } catch {
      return { type: "error", status: 0, text: "" };
    }
  };
  const submission = JSON.stringify({ target: "wfmSkillGroups", mode: "replace", label: "stranger", entries: [{ user: { employeeId: "E1001" }, assignments: [] }] });
  const found = [];
  for (const mode of ["cors", "no-cors"]) {
    for (const path of ["/v1/sync-jobs", "/v1/audit", `/v1/sync-jobs/${job}/entries`, "/v1/users/E1001", "/metrics", "/"]) found.push(await learnt(path, { mode }));
    for (const path of [`/v1/sync-jobs/${job}/cancel`, `/v1/sync-jobs/${job}/retry`, `/v1/sync-jobs/${job}/apply`]) found.push(await learnt(path, { mode, method: "POST" }));
    for (const type of ["application/json", "text/plain", "text/csv"]) found.push(await learnt("/v1/sync-jobs?target=wfmSkillGroups&label=stranger", { mode, method: "POST", body: submission, headers: { "content-type": type } }));
    found.push(await learnt("/v1/users/E1001", { mode, method: "DELETE" }));
  }
  const form = document.body.appendChild(document.createElement("form"));
  Object.assign(form, { action: `${service}/v1/sync-jobs/${job}/retry`, method: "post", target: "hidden" });
  const frame = document.body.appendChild(Object.assign(document.createElement("iframe"), { name: "hidden" }));
  const framed = new Promise((resolve) => (frame.onload = resolve));
  form.submit();
  await framed;
  const image = new Image();
  image.src = `${service}/v1/sync-jobs`;
  const script = document.body.appendChild(Object.assign(document.createElement("script"), { src: `${service}/v1/sync-jobs` }));
  await new Promise((resolve) => (script.onload = script.onerror = resolve));
  return found;
}

export function stories(live) {
  const served = async (use) => {
    const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(EMPTY));
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    await use(server.address().port);
    server.close();
  };
  const seen = async () => {
    const { items } = await (await fetch(`${live.demo.url}/v1/sync-jobs`)).json();
    return items.map((job) => [job.id, job.label, job.status === "cancelled"]);
  };

  test("a page of another origin neither reads nor changes anything of a service without keys", async () => {
    const before = await seen();
    await served(async (port) => {
      for (const origin of [`http://127.0.0.1:${port}`, `http://localhost:${port}`, `http://rebound.example:${port}`]) {
        const { page, done } = await strangePage();
        await page.goto(origin);
        const found = await page.evaluate(tries, { service: live.demo.url, job: before[0][0] });
        for (const answer of found) assert.ok(["error", "opaque"].includes(answer.type) && answer.text === "", JSON.stringify(answer));
        await done();
      }
    });
    assert.deepEqual(await seen(), before);
  });

  test("a name that is pointed at this machine leads nowhere", async () => {
    const before = await seen();
    const rebound = live.demo.url.replace("127.0.0.1", "rebound.example");
    const { page, done } = await strangePage();
    for (const path of ["/", "/v1/sync-jobs", `/v1/sync-jobs/${before[0][0]}`, "/openapi.json"]) {
      const answer = await page.goto(rebound + path);
      assert.equal(answer.status(), 403, path);
      assert.equal((await answer.json()).type, "/problems/foreign-page");
    }
    // There the page is of the same origin, so it may read what it is told: nothing.
    const told = await page.evaluate(async (job) => {
      const asked = async (path, method) => (await fetch(path, { method })).status;
      return [await asked("/v1/sync-jobs", "GET"), await asked(`/v1/sync-jobs/${job}/cancel`, "POST"), await asked("/v1/audit", "GET")];
    }, before[0][0]);
    assert.deepEqual(told, [403, 403, 403]);
    await done();
    assert.deepEqual(await seen(), before);
  });

  test("a link from elsewhere opens the dashboard", async () => {
    await served(async (port) => {
      const { page, done } = await strangePage();
      await page.goto(`http://127.0.0.1:${port}`);
      await page.evaluate((url) => (location.href = url), live.demo.url);
      await page.waitForURL(`${live.demo.url}/**`);
      await page.locator(".headline").waitFor();
      await done();
    });
  });

  test("the page of a job tells who asked for what", async () => {
    const [[id]] = await seen();
    const { page, done } = await strangePage();
    await page.goto(`${live.demo.url}/#/jobs/${id}`);
    await page.locator(".facts", { hasText: "by a local caller without a key" }).waitFor();
    // Rows that come in move what is below them, so not by its place on the screen.
    await page.getByText("Audit records").dispatchEvent("click");
    // The demo has no journal and therefore no audit records.
    await page.locator(".notice", { hasText: "there are no audit records" }).waitFor();
    await done();
  });
}
