// The words of the service with their meanings, shared by chips, tooltips and the glossary.

export const STATUSES = {
  queued: ["queued", "Accepted and durable, but not started."],
  running: ["running", "Entries are being processed."],
  parked: ["parked", "Genesys asked for a long pause. The job continues by itself afterwards."],
  held: ["held", "The job would remove so much that an operator has to decide first. Nothing was written. Apply or cancel it."],
  completed: ["completed", "Every entry has ended."],
  cancelled: ["cancelled", "The job was cancelled; entries that had not been written ended as cancelled."],
};

export const STATES = {
  pending: ["pending", "Not started."],
  running: ["running", "Being read, compared or written."],
  waiting: ["waiting", "Waiting because of this user: after a conflict, a lagging read or a refusal. Other entries continue."],
  planned: ["planned", "Dry run: shows what would change. Nothing was written."],
  applied: ["applied", "Written to Genesys."],
  unchanged: ["unchanged", "The user already had exactly these assignments; nothing was written."],
  failed: ["failed", "Not carried out. The message says why and what to do."],
  superseded: ["superseded", "Replaced by a newer change of the same user, or older than what had already been applied."],
  cancelled: ["cancelled", "The job was cancelled before this entry was written."],
  held: ["held", "Waiting for an operator to apply or cancel the job."],
};

export const CAUSES = {
  foreignWriter: ["foreign writer", "Another writer changed the user between skillsync's read and write. That change was kept, and skillsync's was applied on top."],
  readLag: ["read lag", "Genesys answered a read with an older state. skillsync waited until a read showed the newer one."],
  busy: ["busy", "Genesys was still processing an earlier update of the user. The conflict cleared after a pause."],
  blocked: ["blocked", "The state of the user forbids the change, for example a published schedule. Retrying does not help until this is resolved in Genesys."],
  wrongVersion: ["wrong version", "The version that was sent never was a version of this user's assignments."],
  ownConcurrency: ["own concurrency", "Two concurrent writes by skillsync itself. One writer per user prevents this, so the count should stay at 0; report it if it does not."],
};

// Label, what happened, what to do, and who can do it.
export const REASONS = {
  userNotFound: ["user not found", "No user in Genesys has this e-mail address, employee id or external id.", "Correct the value in the HR system, or have the user created in Genesys; then retry.", "HR, or the Genesys administrator"],
  userAmbiguous: ["user ambiguous", "Several users in Genesys have this value.", "Name the user by Genesys id or e-mail address, or remove the duplicate in Genesys; then retry.", "the Genesys administrator"],
  userInactive: ["user inactive", "The user is inactive or deleted in Genesys.", "Reactivate the user, or remove the row from the roster.", "HR, or the Genesys administrator"],
  assignmentNotFound: ["skill not found", "Genesys has no skill or group with this name.", "Correct the name, or have it created in Genesys; then retry.", "the owner of the roster"],
  assignmentAmbiguous: ["skill ambiguous", "Several skills or groups in Genesys have this name.", "Use the id instead of the name, or rename one of them; then retry.", "the owner of the roster"],
  tooManyAssignments: ["too many assignments", "The user would have more assignments than Genesys permits.", "Remove assignments from the user, then retry.", "the owner of the roster"],
  blocked: ["blocked", "The state of the user in Genesys forbids the change, for example a published schedule.", "Have this resolved in Genesys, then retry; or give the correlation id to Genesys support.", "workforce planning, then Genesys support"],
  conflictsExhausted: ["conflicts exhausted", "Other writers kept changing the user until skillsync gave up.", "Find out who writes to this user, then retry.", "the Genesys administrator"],
  forbidden: ["forbidden", "The OAuth client lacks a permission.", "Grant the OAuth client the permission named in the message; then retry.", "the Genesys administrator"],
  rejected: ["rejected", "Genesys refused the content of the change.", "Correct the row as the message says; then retry.", "the owner of the roster"],
  upstreamUnavailable: ["Genesys unavailable", "Genesys was unavailable for longer than skillsync is configured to wait.", "Check Genesys' status page; retry when Genesys works again.", "Genesys support"],
  targetUnavailable: ["target unavailable", "The endpoint for skill groups, which a Genesys partner provides, does not answer for this user or for any user, or returns no versions.", "Check that the org has this endpoint and that genesys.wfm_path is correct; or use the target routingSkills, which every org has.", "the operator of skillsync"],
  staleEvent: ["stale event", "The change is older than what was already applied for this user.", "Nothing; the newer change stands.", ""],
  planOutdated: ["plan outdated", "The user has changed since the dry run, so the plan no longer fits. Nothing was written.", "Make a new dry run of these rows.", "the operator of skillsync"],
  duplicateUser: ["duplicate user", "Several rows of this job are for the same user, and the job does not say how to treat them. Nothing was written for them.", "Keep one row for this user, or submit the job with sameUser merge or inOrder.", "the operator of skillsync"],
  internalError: ["internal error", "A defect of skillsync repeatedly ended the work on this entry.", "Report it to the maintainers of skillsync with the id of the job and the log; then retry.", "the maintainers of skillsync"],
};

export const MODES = {
  add: "the user also gets these",
  remove: "the user loses these",
  managed: "the user gets these, and loses others only if skillsync assigned them or they are configured as managed",
  replace: "the user has exactly these; everything else is removed",
};

// How several rows for one user are treated; the first is the service's default.
export const SAME_USER = {
  "": "are refused",
  merge: "are combined into one list",
  inOrder: "are successive changes",
};

export const TARGETS = {
  wfmSkillGroups: "WFM skill groups",
  routingSkills: "routing skills",
};

export const OTHERS = {
  job: "One accepted submission or export with 1 to 100,000 entries.",
  record: "The data of one person in an HR system. skillsync reads it when an event only says that the person has changed.",
  entry: "One user with a list of assignments.",
  conflict: "Genesys answered a write with 409. Each conflict is recorded with its cause; most resolve themselves.",
  "rate limiter": "All calls to Genesys go through it. It never exceeds the permitted calls in any window.",
  window: "A limit on the number of calls within any stretch of time of this length.",
  lane: "The precedence of a call. Continuation: the write after a read. Interactive: webhooks and small jobs. Bulk: everything else.",
  breaker: "Opens when Genesys is down. While it is open, only single probe calls find out whether Genesys works again.",
  "estimated end": "When the job will end at the current pace of calls.",
  "correlation id": "Genesys' id of one call. Genesys support asks for it.",
  owner: "The party on whose behalf a job assigns: a source, or what the caller names. The mode managed removes only what its owner alone holds.",
  contested: "A proficiency on which two owners disagree. The later change decides.",
  preserved: "Assignments made by others, or held by other owners, that were left unchanged.",
  overwritten: "Assignments made by others that the mode replace removes or changes.",
};

// Returns the label and the meaning of a state, status, cause or reason.
export function meaning(kind, word) {
  const known = { status: STATUSES, state: STATES, cause: CAUSES, reason: REASONS }[kind]?.[word];
  return known ? { label: known[0], text: known[1] } : { label: word, text: OTHERS[word] ?? "" };
}

// States in the order in which a bar shows them: ended, then under way, then pending.
export const STATE_ORDER = ["applied", "unchanged", "planned", "superseded", "cancelled", "failed", "held", "running", "waiting", "pending"];
export const CAUSE_ORDER = ["foreignWriter", "readLag", "busy", "blocked", "wrongVersion", "ownConcurrency"];
export const OPEN_STATES = ["pending", "running", "waiting", "held"];
export const OPEN_STATUSES = ["queued", "running", "parked"];
