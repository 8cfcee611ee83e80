// What a client does with sync jobs, through the generated types: submit, once under a key; poll, follow, page, cancel; a dry
// run and what comes of it; a job that is held, cancelled or let go on; a problem.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Job = components["schemas"]["SyncJobView"];
type Entry = components["schemas"]["SyncJobEntryRequest"];
type Problem = components["schemas"]["Problem"];
type Submission = components["schemas"]["SyncJobRequest"];

const [url, key] = [process.argv[2] ?? "", process.env["SKILLSYNC_KEY"] ?? ""];
const client = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${key}` } });

const numbers = (first: number, count: number) => Array.from({ length: count }, (_, n) => first + n);
const nobody = (n: number): Entry => ({
  ref: `row-${n}`,
  user: { employeeId: `nobody-${n}` },
  assignments: [{ name: "Billing T2" }],
});
const employee = (n: number, ...groups: string[]): Entry => ({
  user: { employeeId: `E${n}` },
  assignments: groups.map((name) => ({ name })),
});

type Answer = { data?: Job; error?: Problem };

async function submit(entries: Entry[], more: Partial<Submission> = {}, idempotencyKey?: string): Promise<Answer> {
  const header = idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey };
  const { data, error } = await client.POST("/v1/sync-jobs", {
    params: { header },
    body: { target: "wfmSkillGroups", mode: "add", label: "story", entries, ...more },
  });
  return { ...(data && { data }), ...(error && { error }) };
}

function accepted({ data, error }: Answer): Job {
  assert.ok(data, error?.detail);
  return data;
}

async function until(jobId: string, ...statuses: Job["status"][]): Promise<Job> {
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    const { data, error } = await client.GET("/v1/sync-jobs/{jobId}", { params: { path: { jobId }, query: { wait: "5s" } } });
    assert.ok(data, error?.detail);
    if (statuses.includes(data.status)) return data;
  }
  throw new Error("the job did not get there in time");
}

const finished = (jobId: string) => until(jobId, "completed", "cancelled");

async function failedRefs(jobId: string): Promise<string[]> {
  const refs: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const { data, error } = await client.GET("/v1/sync-jobs/{jobId}/entries", {
      params: { path: { jobId }, query: { state: "failed", limit: 10, ...(cursor === undefined ? {} : { cursor }) } },
    });
    // The other forms that the route has, lines and rows, are text.
    assert.ok(typeof data === "object", error?.detail);
    refs.push(...data.items.map((item) => item.ref ?? ""));
    assert.ok(data.items.every((item) => item.reason));
    if (data.nextCursor === undefined) return refs;
    cursor = data.nextCursor;
  }
}

async function cancel(jobId: string): Promise<Job> {
  const { data, error } = await client.POST("/v1/sync-jobs/{jobId}/cancel", { params: { path: { jobId } } });
  return accepted({ ...(data && { data }), ...(error && { error }) });
}

async function apply(jobId: string): Promise<Job> {
  const { data, error } = await client.POST("/v1/sync-jobs/{jobId}/apply", { params: { path: { jobId } } });
  return accepted({ ...(data && { data }), ...(error && { error }) });
}

async function submittedOnceAndPaged(run: string): Promise<void> {
  const rows = numbers(0, 25).map(nobody);
  const job = accepted(await submit(rows, {}, `story-${run}`));
  assert.equal(accepted(await submit(rows, {}, `story-${run}`)).id, job.id, "the same submission is the same job");
  const reused = await submit(rows.slice(0, 1), {}, `story-${run}`);
  assert.equal(reused.error?.type, "/problems/idempotency-key-reused");
  assert.equal((await finished(job.id)).counts.failed, 25);
  assert.deepEqual(await failedRefs(job.id), rows.map((row) => row.ref));
  assert.equal((await cancel(accepted(await submit(rows.slice(0, 3))).id)).counts.total, 3);
}

async function plannedAndApplied(): Promise<void> {
  const users = numbers(1301, 5).flatMap((n) => [employee(n, "Group 1"), employee(n, "Group 2")]);
  const plan = await finished(accepted(await submit(users, { dryRun: true })).id);
  assert.ok(plan.dryRun && plan.counts.planned > 0 && plan.counts.applied === 0);
  const done = await finished((await apply(plan.id)).id);
  assert.ok(!done.dryRun && done.counts.applied === plan.counts.planned && done.counts.failed === 0);
  const again = await finished((await apply(plan.id)).id);
  assert.ok(again.counts.applied === 0 && again.counts.failed > 0, "the plan no longer fits");
}

// A job that takes all of their groups from 25 users.
async function held(first: number): Promise<Job> {
  const submitted = accepted(await submit(numbers(first, 25).map((n) => employee(n)), { mode: "replace" }));
  const job = await until(submitted.id, "held");
  assert.ok(job.held && job.held.users === 25 && job.held.skills.length > 0 && job.held.message);
  return job;
}

async function heldAndDecided(): Promise<void> {
  const cancelled = await cancel((await held(1401)).id);
  assert.ok(cancelled.status === "cancelled" && cancelled.counts.cancelled === 25);
  const waiting = await held(1431);
  assert.equal((await apply(waiting.id)).id, waiting.id, "it is the same job");
  assert.equal((await finished(waiting.id)).counts.applied, 25);
}

async function followed(): Promise<void> {
  const jobId = accepted(await submit(numbers(0, 3).map(nobody))).id;
  const { data, error } = await client.GET("/v1/sync-jobs/{jobId}/events", { params: { path: { jobId } }, parseAs: "text" });
  assert.ok(data !== undefined, error?.detail);
  // The document describes one event; the stream of them is text.
  const names = [...String(data).matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
  assert.ok(names.filter((name) => name === "entry").length >= 3 && names.at(-1) === "job");
}

await submittedOnceAndPaged(String(Date.now()));
await plannedAndApplied();
await heldAndDecided();
await followed();
const missing = await client.GET("/v1/sync-jobs/{jobId}", {
  params: { path: { jobId: "00000000-0000-0000-0000-000000000000" } },
});
assert.equal(missing.error?.type, "/problems/job-not-found");
console.log("typescript: submitted, polled, followed, paged, planned, applied, held, cancelled, and read problems");
