// Calls to the service's own API, with the key of whoever looks. The key lives in this tab only and is gone with it.

const STORED = "skillsync.key";
let key = storedKey();

function storedKey() {
  try {
    return sessionStorage.getItem(STORED);
  } catch {
    return null;
  }
}

// Tells `signIn` when a key is needed, and `reached` whether the service answers.
export const access = new EventTarget();

export const hasKey = () => key !== null;

export function setKey(given) {
  key = given;
  try {
    if (given === null) sessionStorage.removeItem(STORED);
    else sessionStorage.setItem(STORED, given);
  } catch {
    // Then it lasts until the page is loaded anew.
  }
}

// What the service refused, or that it was not reached (`status` 0).
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `the service answered ${status}`);
    this.status = status;
    this.title = problem.title ?? "";
    this.problem = problem;
  }
}

// A request; answers other than 2xx, 204 and 304 are thrown.
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
  if (answer.status === 401) access.dispatchEvent(new CustomEvent("signIn", { detail: problem.detail }));
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

// The content of an answer; one that breaks off is like none.
async function read(answer) {
  try {
    return await answer.json();
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Refused(0, { title: "Broken off", detail: "the answer broke off; this page tries again" });
  }
}

export const job = (id) => `/v1/sync-jobs/${encodeURIComponent(id)}`;

// Whether the service can work, and why not: not an error here, as that is what one wants to know.
export async function readiness(signal) {
  try {
    await ask("/readyz", { signal });
    return null;
  } catch (fault) {
    if (fault instanceof Refused) return fault.message;
    throw fault;
  }
}

// A name for a submission, so that sending it twice makes one job.
export function newSubmissionName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
