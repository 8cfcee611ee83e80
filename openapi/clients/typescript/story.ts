// One story with the generated client: submit, poll, page through failures, cancel, read a problem document.

import { client } from "./client/client.gen";
import { cancelSyncJob, createSyncJob, getSyncJob, listSyncJobEntries } from "./client/sdk.gen";
import type { SyncJobRequest, SyncJobView } from "./client/types.gen";

declare const process: { argv: string[]; exitCode?: number };

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

function job(employees: string[]): SyncJobRequest {
  const assignments = [{ name: "Group 2" }];
  const entries = employees.map((employeeId, n) => ({ ref: `row-${n}`, user: { employeeId }, assignments }));
  return { target: "wfmSkillGroups", entries };
}

async function main(baseUrl: string): Promise<void> {
  client.setConfig({ baseUrl });
  const known = [1, 2, 3, 4, 5].map((n) => `E${1000 + n}`);
  const unknown = [1, 2, 3, 4, 5].map((n) => `nobody-${n}`);

  const accepted = await createSyncJob({ body: job([...known, ...unknown]) });
  check(accepted.data !== undefined, accepted.error);
  let view: SyncJobView = accepted.data;
  const path = { jobId: view.id };
  for (const deadline = Date.now() + 60_000; !view.finishedAt; ) {
    check(Date.now() < deadline, view);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const polled = await getSyncJob({ path });
    check(polled.data !== undefined, polled.error);
    view = polled.data;
  }
  check(view.counts.failed === unknown.length, view);

  const rows: (string | null | undefined)[] = [];
  let cursor: string | undefined;
  do {
    const page = await listSyncJobEntries({ path, query: { state: "failed", limit: 2, cursor } });
    check(page.data !== undefined, page.error);
    check(page.data.items.every((entry) => entry.reason === "userNotFound"), page.data);
    rows.push(...page.data.items.map((entry) => entry.ref));
    cursor = page.data.nextCursor ?? undefined;
  } while (cursor !== undefined);
  check(rows.join() === "row-5,row-6,row-7,row-8,row-9", rows);

  const cancelled = await cancelSyncJob({ path });
  check(cancelled.data?.status === "completed", cancelled.error);

  const missing = await getSyncJob({ path: { jobId: "00000000-0000-0000-0000-000000000000" } });
  check(missing.error?.status === 404, missing.data);
  const refused = await createSyncJob({ body: { target: "routingSkills", entries: [] } });
  check(refused.error?.errors?.[0]?.pointer === "/entries", refused.data);
  console.log("typescript: the story holds");
}

main(process.argv[2] ?? "").catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
