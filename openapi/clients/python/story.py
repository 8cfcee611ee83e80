"""What a client does with a sync job, through the generated client: submit, poll, page, cancel, read a problem."""

import os
import sys
import time
from uuid import UUID

from httpx import Timeout
from skillsync_client import AuthenticatedClient
from skillsync_client.api.sync_jobs import cancel_sync_job, create_sync_job, get_sync_job, list_sync_job_entries
from skillsync_client.models import (
    AssignmentRequest,
    EntryPage,
    Problem,
    SyncJobEntryRequest,
    SyncJobEntryState,
    SyncJobRequest,
    SyncJobView,
    SyncMode,
    SyncTarget,
    UserReference,
)
from skillsync_client.types import UNSET, Unset


def entry(number: int) -> SyncJobEntryRequest:
    return SyncJobEntryRequest(
        ref=f"row-{number}",
        user=UserReference(employee_id=f"nobody-{number}"),
        assignments=[AssignmentRequest(name="Billing T2")],
    )


def submit(client: AuthenticatedClient, entries: int, key: str) -> SyncJobView:
    body = SyncJobRequest(
        target=SyncTarget.WFMSKILLGROUPS, mode=SyncMode.ADD, label="story", entries=[entry(n) for n in range(entries)]
    )
    job = create_sync_job.sync(client=client, body=body, idempotency_key=key)
    assert isinstance(job, SyncJobView), job
    return job


def finished(client: AuthenticatedClient, job_id: UUID) -> SyncJobView:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        job = get_sync_job.sync(job_id, client=client, wait="5s")
        assert isinstance(job, SyncJobView), job
        if job.finished_at is not None:
            return job
    raise AssertionError("the job did not end in time")


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


def main() -> None:
    key = os.environ.get("SKILLSYNC_KEY", "none")
    client = AuthenticatedClient(base_url=sys.argv[1], token=key, timeout=Timeout(30))
    run = str(time.time_ns())
    job = submit(client, 25, f"story-{run}")
    assert submit(client, 25, f"story-{run}").id == job.id, "the same submission is the same job"
    ended = finished(client, job.id)
    assert ended.counts.failed == 25, ended
    assert failed_refs(client, job.id) == [f"row-{n}" for n in range(25)]
    cancelled = cancel_sync_job.sync(submit(client, 3, f"cancel-{run}").id, client=client)
    assert isinstance(cancelled, SyncJobView), cancelled
    problem = get_sync_job.sync(UUID(int=0), client=client)
    assert isinstance(problem, Problem) and problem.type_ == "/problems/job-not-found", problem
    print("python: submitted, polled, paged, cancelled, and read a problem")


main()
