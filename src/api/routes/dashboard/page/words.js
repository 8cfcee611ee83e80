// The words of the service and what they mean: one place for chips, tips, and the glossary.

export const STATUSES = {
  queued: ["queued", "Accepted and written down; nothing of it has begun."],
  running: ["running", "Entries are being worked on."],
  parked: ["parked", "Genesys asked for a long pause. The job goes on by itself when it is over."],
  held: ["held", "A safety threshold stopped it before anything was written, because it would remove much. It waits for Apply or Cancel."],
  completed: ["completed", "Every entry has ended."],
  cancelled: ["cancelled", "Somebody cancelled it; what had not begun was not done."],
};

export const STATES = {
  pending: ["pending", "Not begun."],
  running: ["running", "Being read, compared or written."],
  waiting: ["waiting", "Waits for this one user: after a conflict, a lagging read, or a refusal. Others go on meanwhile."],
  planned: ["planned", "Dry run: shows what would be done. Nothing was written."],
  applied: ["applied", "Written to Genesys."],
  unchanged: ["unchanged", "The user had exactly this already; nothing was written."],
  failed: ["failed", "Not done. The message says why and what to do."],
  superseded: ["superseded", "A newer change of the same user took its place, or it was older than what had been applied."],
  cancelled: ["cancelled", "The job was cancelled before its turn came."],
  held: ["held", "Waits for somebody to apply or cancel the job."],
};

export const CAUSES = {
  foreignWriter: ["foreign writer", "Somebody else changed the user between our read and our write. Their change was kept and ours folded into it."],
  readLag: ["read lag", "Genesys answered a read with an older state. skillsync waited until a read showed the newer one."],
  busy: ["busy", "Genesys was still working on an earlier update of the user. It passed after a pause."],
  blocked: ["blocked", "The state of the user forbids the change, for example a published schedule. No retry helps until that is lifted in Genesys."],
  wrongVersion: ["wrong version", "The version that was sent never belonged to this user's assignments."],
  ownConcurrency: ["own concurrency", "Two writes of our own at once. One writer per user prevents it, so this should stay at 0; tell the makers if it does not."],
};

// What happened, what to do, and who can.
export const REASONS = {
  userNotFound: ["user not found", "Nobody in Genesys has this e-mail, employee id or external id.", "Correct the value in the HR system, or have the user created in Genesys; then retry.", "HR, or the Genesys administrator"],
  userAmbiguous: ["user ambiguous", "Several users in Genesys have this value.", "Name the user by Genesys id or e-mail, or clear up the duplicate in Genesys; then retry.", "the Genesys administrator"],
  userInactive: ["user inactive", "The user is inactive or deleted in Genesys.", "Reactivate the user, or take the row out of the roster.", "HR, or the Genesys administrator"],
  assignmentNotFound: ["skill not found", "Genesys has no skill or group of this name.", "Correct the name, or have it created in Genesys; then retry.", "whoever keeps the roster"],
  assignmentAmbiguous: ["skill ambiguous", "Several skills or groups in Genesys have this name.", "Use the id in place of the name, or rename one of them; then retry.", "whoever keeps the roster"],
  tooManyAssignments: ["too many assignments", "The user would have more than Genesys permits.", "Take assignments away from the user, then retry.", "whoever keeps the roster"],
  blocked: ["blocked", "The state of the user in Genesys forbids the change, for example a published schedule.", "Have that lifted in Genesys, then retry; or give the correlation id to Genesys support.", "workforce planning, then Genesys support"],
  conflictsExhausted: ["conflicts exhausted", "Others kept changing the user for as long as skillsync tried.", "Find out who writes to this user, then retry.", "the Genesys administrator"],
  forbidden: ["forbidden", "The OAuth client may not do this.", "Give the OAuth client the permission named in the message; then retry.", "the Genesys administrator"],
  rejected: ["rejected", "Genesys refused the content of the change.", "Read the message; correct the row; then retry.", "whoever keeps the roster"],
  upstreamUnavailable: ["Genesys unavailable", "Genesys could not be reached for as long as skillsync is configured to wait.", "See Genesys' status page; retry when Genesys works again.", "Genesys support"],
  targetUnavailable: ["target unavailable", "The endpoint for skill groups, which is a Genesys partner's, does not answer for this user or for anybody, or gives no versions.", "Check that the org has this endpoint, and the path in genesys.wfm_path; or use the target routingSkills, which every org has.", "whoever runs the sync"],
  staleEvent: ["stale event", "The change is older than what was already applied for this user.", "Nothing: the newer change stands.", ""],
  planOutdated: ["plan outdated", "The user has changed since the dry run, so the plan no longer fits. Nothing was written.", "Make a new dry run of these rows.", "whoever runs the sync"],
  duplicateUser: ["duplicate user", "Several rows of this job are about the same user, and the job does not say how they are meant. Nothing was written for them.", "Keep one row of this user, or send the job with sameUser: merge or inOrder.", "whoever runs the sync"],
  internalError: ["internal error", "A defect of skillsync ended the work on this entry time after time.", "Report it to the makers with the id of the job and the log; then retry.", "the makers of skillsync"],
};

export const MODES = {
  add: "have these too",
  remove: "have these no more",
  managed: "have these; of the rest lose only what skillsync assigned or is configured as managed",
  replace: "have exactly these; everything else is taken away",
};

// What several rows about one user mean; the first is what the service does without being told.
export const SAME_USER = {
  "": "are refused",
  merge: "are parts of one list",
  inOrder: "follow each other",
};

export const TARGETS = {
  wfmSkillGroups: "WFM skill groups",
  routingSkills: "routing skills",
};

export const OTHERS = {
  job: "One accepted request with 1 to 100,000 entries.",
  record: "What an HR system holds of one person. It is read when an event only says that the person has changed.",
  entry: "One user and the assignments that the user is to have.",
  conflict: "Genesys answered a write with 409. Each is recorded with its cause; most are resolved without anybody noticing.",
  gate: "The one rate limit before all calls to Genesys. In no window are more calls made than permitted.",
  window: "So many calls in any stretch of time of this length.",
  lane: "How urgent a call is. Continuation: the write after a read. Interactive: webhooks and small jobs. Bulk: the rest.",
  breaker: "Opens when Genesys does not work. While open, single calls find out whether it works again.",
  "estimated end": "When the job will be done at the permitted rate if nothing gets in the way.",
  "correlation id": "Genesys' own name for one call. Genesys support asks for it.",
  preserved: "Assignments of others that were left alone.",
  overwritten: "Assignments of others that mode replace takes away or changes.",
};

// The word as it is shown, and its meaning, of a state, status, cause or reason.
export function meaning(kind, word) {
  const known = { status: STATUSES, state: STATES, cause: CAUSES, reason: REASONS }[kind]?.[word];
  return known ? { label: known[0], text: known[1] } : { label: word, text: OTHERS[word] ?? "" };
}

// States in the order in which a bar shows them: done first, then under way, then to come.
export const STATE_ORDER = ["applied", "unchanged", "planned", "superseded", "cancelled", "failed", "held", "running", "waiting", "pending"];
export const CAUSE_ORDER = ["foreignWriter", "readLag", "busy", "blocked", "wrongVersion", "ownConcurrency"];
export const OPEN_STATES = ["pending", "running", "waiting", "held"];
export const OPEN_STATUSES = ["queued", "running", "parked"];
