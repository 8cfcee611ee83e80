// Calls the API of the service with the user's key. The key is stored in this tab only and is gone when the tab closes.

const STORED = "skillsync.key";
let key = storedKey();

function storedKey() {
  try {
    return sessionStorage.getItem(STORED);
  } catch {
    return null;
  }
}

// Emits `signIn`, with whether a key was sent, when a key is required, and `reached` with whether the service answers.
export const access = new EventTarget();

export const hasKey = () => key !== null;

export function setKey(given) {
  key = given;
  try {
    if (given === null) sessionStorage.removeItem(STORED);
    else sessionStorage.setItem(STORED, given);
  } catch {
    // Without storage, the key lasts until the page is reloaded.
  }
}

// A refusal by the service, or the failure to reach it (`status` 0).
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `the service answered ${status}`);
    this.status = status;
    this.title = problem.title ?? "";
    this.problem = problem;
  }
}

// Sends a request; responses other than 2xx and 304 are thrown.
export async function ask(path, { method = "GET", headers = {}, body, signal } = {}) {
  const sent = { ...headers };
  if (key !== null) sent.authorization = `Bearer ${key}`;
  let answer;
  try {
    answer = await fetch(path, { method, headers: sent, body, signal, cache: "no-store", credentials: "omit" });
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    reached(false);
    throw new Refused(0, { title: "Not reached", detail: "skillsync does not answer; this page tries again" });
  }
  reached(true);
  if (answer.ok || answer.status === 304) return answer;
  const problem = await answer.json().catch(() => ({}));
  if (answer.status === 401) access.dispatchEvent(new CustomEvent("signIn", { detail: sent.authorization !== undefined }));
  throw new Refused(answer.status, problem);
}

function reached(yes) {
  access.dispatchEvent(new CustomEvent("reached", { detail: yes }));
}

export async function get(path, signal) {
  return read(await ask(path, { signal, headers: { accept: "application/json" } }));
}

export async function post(path, options = {}) {
  return read(await ask(path, { ...options, method: "POST" }));
}

// Returns the content of a response; an interrupted response counts as no answer.
async function read(answer) {
  try {
    return await answer.json();
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Refused(0, { title: "Broken off", detail: "the answer broke off; this page tries again" });
  }
}

export const job = (id) => `/v1/sync-jobs/${encodeURIComponent(id)}`;

// Returns why the service is not ready, if so. This is no error here, because it is what the caller asks for.
export async function readiness(signal) {
  try {
    await ask("/readyz", { signal });
    return null;
  } catch (fault) {
    if (fault instanceof Refused) return fault.message;
    throw fault;
  }
}

// Returns an idempotency key for a submission, so that sending it twice makes one job.
export function newSubmissionName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
