"""One story with the generated client: submit, poll, page through failures, cancel, read a problem document."""

import sys
import time
from uuid import UUID

from skillsync_client import Client
from skillsync_client.api.sync_jobs import cancel_sync_job, create_sync_job, get_sync_job, list_sync_job_entries
from skillsync_client.models import (
    AssignmentRequest,
    EntryPage,
    Problem,
    SyncJobEntryRequest,
    SyncJobEntryState,
    SyncJobRequest,
    SyncJobView,
    SyncTarget,
    UserReference,
)


def job(employees: list[str]) -> SyncJobRequest:
    assignments = [AssignmentRequest(name="Group 1")]
    entries = [
        SyncJobEntryRequest(user=UserReference(employee_id=employee), assignments=assignments, ref=f"row-{number}")
        for number, employee in enumerate(employees)
    ]
    return SyncJobRequest(target=SyncTarget.WFMSKILLGROUPS, entries=entries)


def main(url: str) -> None:
    client = Client(base_url=url)
    known = [f"E{1001 + n}" for n in range(5)]
    unknown = [f"nobody-{n}" for n in range(5)]

    accepted = create_sync_job.sync(client=client, body=job(known + unknown))
    assert isinstance(accepted, SyncJobView), accepted
    view = accepted
    deadline = time.monotonic() + 60
    while view.finished_at is None:
        assert time.monotonic() < deadline, view
        time.sleep(0.1)
        polled = get_sync_job.sync(client=client, job_id=accepted.id)
        assert isinstance(polled, SyncJobView), polled
        view = polled
    assert view.counts.failed == len(unknown), view

    rows: list[str] = []
    cursor: str | None = None
    while True:
        page = (
            list_sync_job_entries.sync(client=client, job_id=view.id, state=SyncJobEntryState.FAILED, limit=2)
            if cursor is None
            else list_sync_job_entries.sync(client=client, job_id=view.id, state=SyncJobEntryState.FAILED, limit=2, cursor=cursor)
        )
        assert isinstance(page, EntryPage), page
        assert all(entry.reason == "userNotFound" for entry in page.items), page
        rows += [str(entry.ref) for entry in page.items]
        if not isinstance(page.next_cursor, str):
            break
        cursor = page.next_cursor
    assert rows == [f"row-{n}" for n in range(5, 10)], rows

    cancelled = cancel_sync_job.sync(client=client, job_id=view.id)
    assert isinstance(cancelled, SyncJobView) and cancelled.status == "completed", cancelled

    missing = get_sync_job.sync_detailed(client=client, job_id=UUID(int=0))
    assert missing.status_code == 404 and isinstance(missing.parsed, Problem), missing
    refused = create_sync_job.sync_detailed(client=client, body=SyncJobRequest(target=SyncTarget.ROUTINGSKILLS, entries=[]))
    assert refused.status_code == 400 and isinstance(refused.parsed, Problem), refused
    assert refused.parsed.errors and refused.parsed.errors[0].pointer == "/entries", refused
    print("python: the story holds")


main(sys.argv[1])
