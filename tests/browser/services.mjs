// Starts the real binary, and stops it again: the demo with its conflicts, and a service with keys over a large org.

import { spawn } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BINARY = process.env.SKILLSYNC;
export const KEYS = { reader: "key-of-the-reader", boss: "key-of-the-boss" };

// Free ports: asked of the system, then given back together, or it might give the same one twice.
async function freePorts(number) {
  const taken = Array.from({ length: number }, () => new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  }));
  const servers = await Promise.all(taken);
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

// A process of the binary; what it said is told if it ends before it answers.
async function start(args, url) {
  const child = spawn(BINARY, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said = (said + chunk).slice(-4000)));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await Promise.race([answers(url), ended.then((code) => Promise.reject(new Error(`${args[0]} ended with ${code}: ${said}`)))]);
  return { stop: () => (child.kill("SIGTERM"), setTimeout(() => child.kill("SIGKILL"), 3000).unref(), ended) };
}

// Resolves when something answers at `url`; the retry is the only way to learn that a port is open.
async function answers(url) {
  for (let left = 200; ; left -= 1) {
    try {
      await fetch(url);
      return;
    } catch (fault) {
      if (left === 0) throw fault;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

// The demo: 500 users, conflicts of all causes, three users that cannot be changed.
export async function startDemo() {
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const process = await start(["demo", "--keep", "--port", String(port)], `${url}/healthz`);
  return { url, ...process };
}

const SENDER_SECRET = "secret-of-the-sender";

// An HR system like BambooHR, which tells who has changed, and does not hand out records until it is mended.
async function startHr() {
  let works = false;
  const server = createHttpServer((request, response) => {
    const id = request.url.slice(1);
    if (!works) response.writeHead(503).end();
    else response.end(JSON.stringify({ id, employeeNumber: `E${1000 + Number(id)}`, jobTitle: "Agent" }));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  // Tells a service of a person; the status of the answer.
  const tellOf = async (url, employeeId) => {
    const body = JSON.stringify({ type: "employee.updated", timestamp: new Date().toISOString(), data: { employeeId } });
    const stamp = String(Math.floor(Date.now() / 1000));
    const signature = createHmac("sha256", SENDER_SECRET).update(body + stamp).digest("hex");
    const headers = { "x-bamboohr-timestamp": stamp, "x-bamboohr-signature": signature };
    return (await fetch(`${url}/v1/webhooks/people`, { method: "POST", headers, body })).status;
  };
  return { port: server.address().port, tellOf, mend: () => (works = true), stop: () => server.close() };
}

// Simulator and service with keys, thresholds, and limits that let a large job through; beside an HR system.
export async function startGuarded() {
  const [genesys, port] = await freePorts(2);
  const folder = mkdtempSync(join(tmpdir(), "skillsync-browser-"));
  const scenario = join(folder, "scenario.toml");
  writeFileSync(scenario, `seed = 7\n[population.generated]\nusers = 300\n[[limits.windows]]\ncalls = 2000\nper = "1s"\n`);
  const simulator = await start(["simulate", "--listen", `127.0.0.1:${genesys}`, "--scenario", scenario], `http://127.0.0.1:${genesys}/`);
  const hr = await startHr();
  const config = join(folder, "skillsync.toml");
  writeFileSync(config, configuration(genesys, port, join(folder, "journal")) + sourceOf(hr));
  const url = `http://127.0.0.1:${port}`;
  const service = await start(["serve", "--config", config], `${url}/healthz`);
  const stop = async () => {
    await Promise.all([service.stop(), simulator.stop(), hr.stop()]);
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, hr, stop };
}

function configuration(genesys, port, journal) {
  const keys = Object.entries({ reader: "read", boss: "admin" }).map(([name, role]) => {
    const sha256 = createHash("sha256").update(KEYS[name]).digest("hex");
    return `[[server.api_keys]]\nname = "${name}"\nsha256 = "${sha256}"\nrole = "${role}"\n`;
  });
  return [
    `[genesys]\napi_url = "http://127.0.0.1:${genesys}"\nlogin_url = "http://127.0.0.1:${genesys}"\n`,
    `client_id = "skillsync-simulated"\nclient_secret = "not-a-secret"\nlimits = "2000/1s"\n`,
    `[journal]\npath = "${journal}"\n[sync]\ncreate_missing_skills = 20\n[server]\nlisten = "127.0.0.1:${port}"\nrequests_per_second = 1000\n`,
    ...keys,
  ].join("");
}

function sourceOf({ port }) {
  return `[[webhooks]]
name = "people"
preset = "bamboohr"
target = "wfmSkillGroups"
mode = "add"
secret = "${SENDER_SECRET}"
user = { employee_id = "employeeNumber" }
record = { url = "http://127.0.0.1:${port}/{id}", per_second = 10, patience = "1s" }
[[webhooks.rules]]
id = "agents"
when = { all = [{ attr = "jobTitle", eq = "Agent" }] }
assign = [{ skill = "Group 1" }]
`;
}

// A client of the API beside the page.
export function client(url, key) {
  const authorization = key ? { authorization: `Bearer ${key}` } : {};
  const ask = async (path, options = {}) => {
    const answer = await fetch(url + path, { ...options, headers: { ...authorization, ...options.headers } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const submit = (query, csv) => ask(`/v1/sync-jobs?${new URLSearchParams(query)}`, { method: "POST", headers: { "content-type": "text/csv" }, body: csv });
  const ended = async (id) => {
    for (;;) {
      const job = await ask(`/v1/sync-jobs/${id}?wait=30s`);
      if (job.finishedAt || job.status === "held") return job;
    }
  };
  return { ask, submit, ended };
}
