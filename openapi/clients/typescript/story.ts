// What a client does with a sync job, through the generated types: submit, poll, page, cancel, read a problem.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Job = components["schemas"]["SyncJobView"];

const [url, key] = [process.argv[2] ?? "", process.env["SKILLSYNC_KEY"] ?? ""];
const client = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${key}` } });

async function submit(entries: number, idempotencyKey: string): Promise<Job> {
  const { data, error } = await client.POST("/v1/sync-jobs", {
    params: { header: { "Idempotency-Key": idempotencyKey } },
    body: {
      target: "wfmSkillGroups",
      mode: "add",
      label: "story",
      entries: Array.from({ length: entries }, (_, n) => ({
        ref: `row-${n}`,
        user: { employeeId: `nobody-${n}` },
        assignments: [{ name: "Billing T2" }],
      })),
    },
  });
  assert.ok(data, error?.detail);
  return data;
}

async function finished(jobId: string): Promise<Job> {
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    const { data, error } = await client.GET("/v1/sync-jobs/{jobId}", { params: { path: { jobId }, query: { wait: "5s" } } });
    assert.ok(data, error?.detail);
    if (data.finishedAt) return data;
  }
  throw new Error("the job did not end in time");
}

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

const run = Date.now();
const job = await submit(25, `story-${run}`);
assert.equal((await submit(25, `story-${run}`)).id, job.id, "the same submission is the same job");
assert.equal((await finished(job.id)).counts.failed, 25);
assert.deepEqual(await failedRefs(job.id), Array.from({ length: 25 }, (_, n) => `row-${n}`));
const { id } = await submit(3, `cancel-${run}`);
const cancelled = await client.POST("/v1/sync-jobs/{jobId}/cancel", { params: { path: { jobId: id } } });
assert.ok(cancelled.data);
const missing = await client.GET("/v1/sync-jobs/{jobId}", {
  params: { path: { jobId: "00000000-0000-0000-0000-000000000000" } },
});
assert.equal(missing.error?.type, "/problems/job-not-found");
console.log("typescript: submitted, polled, paged, cancelled, and read a problem");
