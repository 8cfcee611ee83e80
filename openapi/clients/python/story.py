"""What a client does with sync jobs, through the generated client: submit, once under a key; poll, follow, page, cancel; a
dry run and what comes of it; a job that is held, cancelled or let go on; a problem."""

import os
import sys
import time
from uuid import UUID

from httpx import Timeout
from skillsync_client import AuthenticatedClient
from skillsync_client.api.sync_jobs import (
    apply_sync_job,
    cancel_sync_job,
    create_sync_job,
    get_sync_job,
    list_sync_job_entries,
)
from skillsync_client.models import (
    AssignmentRequest,
    EntryPage,
    Problem,
    SyncJobEntryRequest,
    SyncJobEntryState,
    SyncJobRequest,
    SyncJobStatus,
    SyncJobView,
    SyncMode,
    SyncTarget,
    UserReference,
)
from skillsync_client.types import UNSET, Unset


def nobody(number: int) -> SyncJobEntryRequest:
    return SyncJobEntryRequest(
        ref=f"row-{number}",
        user=UserReference(employee_id=f"nobody-{number}"),
        assignments=[AssignmentRequest(name="Billing T2")],
    )


def employee(number: int, *groups: str) -> SyncJobEntryRequest:
    return SyncJobEntryRequest(
        user=UserReference(employee_id=f"E{number}"), assignments=[AssignmentRequest(name=group) for group in groups]
    )


def submit(
    client: AuthenticatedClient,
    entries: list[SyncJobEntryRequest],
    key: str | Unset = UNSET,
    mode: SyncMode = SyncMode.ADD,
    dry_run: bool = False,
) -> SyncJobView | Problem:
    body = SyncJobRequest(
        target=SyncTarget.WFMSKILLGROUPS, mode=mode, label="story", dry_run=dry_run, entries=entries
    )
    answer = create_sync_job.sync(client=client, body=body, idempotency_key=key)
    assert answer is not None
    return answer


def accepted(answer: SyncJobView | Problem | None) -> SyncJobView:
    assert isinstance(answer, SyncJobView), answer
    return answer


def until(client: AuthenticatedClient, job_id: UUID, *statuses: SyncJobStatus) -> SyncJobView:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        job = accepted(get_sync_job.sync(job_id, client=client, wait="5s"))
        if job.status in statuses:
            return job
    raise AssertionError("the job did not get there in time")


def finished(client: AuthenticatedClient, job_id: UUID) -> SyncJobView:
    return until(client, job_id, SyncJobStatus.COMPLETED, SyncJobStatus.CANCELLED)


def failed_refs(client: AuthenticatedClient, job_id: UUID) -> list[str]:
    refs: list[str] = []
    cursor: str | Unset = UNSET
    while True:
        page = list_sync_job_entries.sync(
            job_id, client=client, state=SyncJobEntryState.FAILED, limit=10, cursor=cursor
        )
        assert isinstance(page, EntryPage), page
        refs += [str(item.ref) for item in page.items]
        assert all(item.reason for item in page.items)
        if isinstance(page.next_cursor, Unset):
            return refs
        cursor = page.next_cursor


def submitted_once_and_paged(client: AuthenticatedClient, run: str) -> None:
    rows = [nobody(number) for number in range(25)]
    job = accepted(submit(client, rows, f"story-{run}"))
    assert accepted(submit(client, rows, f"story-{run}")).id == job.id, "the same submission is the same job"
    reused = submit(client, rows[:1], f"story-{run}")
    assert isinstance(reused, Problem) and reused.type_ == "/problems/idempotency-key-reused", reused
    assert finished(client, job.id).counts.failed == 25
    assert failed_refs(client, job.id) == [f"row-{number}" for number in range(25)]
    cancelled = accepted(cancel_sync_job.sync(accepted(submit(client, rows[:3])).id, client=client))
    assert cancelled.counts.total == 3, cancelled


def planned_and_applied(client: AuthenticatedClient) -> None:
    users = [employee(number, f"Group {group}") for number in range(1101, 1106) for group in (1, 2)]
    plan = finished(client, accepted(submit(client, users, dry_run=True)).id)
    assert plan.dry_run and plan.counts.planned > 0 and plan.counts.applied == 0, plan
    done = finished(client, accepted(apply_sync_job.sync(plan.id, client=client)).id)
    assert not done.dry_run and done.counts.applied == plan.counts.planned and done.counts.failed == 0, done
    again = finished(client, accepted(apply_sync_job.sync(plan.id, client=client)).id)
    assert again.counts.applied == 0 and again.counts.failed > 0, "the plan no longer fits"


def held(client: AuthenticatedClient, first: int) -> SyncJobView:
    """A job that takes all of their groups from 25 users."""
    users = [employee(number) for number in range(first, first + 25)]
    job = accepted(submit(client, users, mode=SyncMode.REPLACE))
    job = until(client, job.id, SyncJobStatus.HELD)
    assert job.held and job.held.users == 25 and job.held.skills and job.held.message, job
    return job


def held_and_decided(client: AuthenticatedClient) -> None:
    cancelled = accepted(cancel_sync_job.sync(held(client, 1201).id, client=client))
    assert cancelled.status == SyncJobStatus.CANCELLED and cancelled.counts.cancelled == 25, cancelled
    waiting = held(client, 1231)
    assert accepted(apply_sync_job.sync(waiting.id, client=client)).id == waiting.id, "it is the same job"
    assert finished(client, waiting.id).counts.applied == 25


def followed(client: AuthenticatedClient) -> None:
    """The generator makes nothing of event streams; the connection of its client does."""
    job = accepted(submit(client, [nobody(number) for number in range(3)]))
    with client.get_httpx_client().stream("GET", f"/v1/sync-jobs/{job.id}/events") as events:
        assert events.headers["content-type"] == "text/event-stream"
        names = [line.removeprefix("event: ") for line in events.iter_lines() if line.startswith("event: ")]
    assert names.count("entry") >= 3 and names[-1] == "job", names


def main() -> None:
    key = os.environ.get("SKILLSYNC_KEY", "none")
    client = AuthenticatedClient(base_url=sys.argv[1], token=key, timeout=Timeout(30))
    submitted_once_and_paged(client, str(time.time_ns()))
    planned_and_applied(client)
    held_and_decided(client)
    followed(client)
    problem = get_sync_job.sync(UUID(int=0), client=client)
    assert isinstance(problem, Problem) and problem.type_ == "/problems/job-not-found", problem
    print("python: submitted, polled, followed, paged, planned, applied, held, cancelled, and read problems")


main()
