-- A journal as the program with version 1 of the tables wrote it: one job of two entries, the first of which has ended.
CREATE TABLE job (id BLOB PRIMARY KEY, created_at INTEGER NOT NULL, spec TEXT NOT NULL, counters TEXT) WITHOUT ROWID;
CREATE TABLE entry (
    job BLOB NOT NULL, position INTEGER NOT NULL, request TEXT NOT NULL, outcome TEXT,
    PRIMARY KEY (job, position)
) WITHOUT ROWID;
CREATE TABLE standing (
    target TEXT NOT NULL, user BLOB NOT NULL, standing TEXT NOT NULL, PRIMARY KEY (target, user)
) WITHOUT ROWID;
INSERT INTO job VALUES (
    X'019A3F2C7C557D2E9D3E1F6A5B1C2D3E', 1790000000000,
    '{"target":"wfmSkillGroups","mode":"managed","label":"nightly","dryRun":false,"urgency":"bulk"}',
    '{"callsMade":4,"conflicts":[["foreignWriter",1]],"cancelled":false,"startedAt":"2026-09-21T13:33:21Z"}'
);
INSERT INTO entry VALUES (
    X'019A3F2C7C557D2E9D3E1F6A5B1C2D3E', 0,
    '{"ref":"row-1","user":{"employeeId":"E1001"},"assignments":[{"name":"Billing T2"}]}',
    '{"state":"applied","added":[["00000000-0000-4000-8000-000000000001",null]],"attempts":2,"conflicts":[{"cause":"foreignWriter","status":409,"sent":7,"found":8,"correlationId":"c-1","at":"2026-09-21T13:33:22Z"}],"finishedAt":"2026-09-21T13:33:23Z"}'
);
INSERT INTO entry VALUES (
    X'019A3F2C7C557D2E9D3E1F6A5B1C2D3E', 1,
    '{"ref":"row-2","user":{"externalId":["hris","a:b"]},"assignments":[{"id":"00000000-0000-4000-8000-000000000002","proficiency":3.5}],"occurredAt":"2026-09-21T13:00:00Z"}',
    NULL
);
INSERT INTO standing VALUES (
    'wfmSkillGroups', X'00000000000040008000000000000077', '{"owned":["00000000-0000-4000-8000-000000000001"],"appliedAt":null}'
);
PRAGMA user_version = 1;
