// Server-sent events over fetch: EventSource cannot send the key.

import { ask, Refused } from "./api.js";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;

// Follows a stream until it ends or `signal` is aborted. A broken connection is resumed after the last event. While the
// page is hidden, nothing is followed, because a browser permits few connections to one host.
export async function follow(path, { signal, onEvent, onLost = () => {} }) {
  let last = null;
  let pause = FIRST_PAUSE;
  while (!signal.aborted) {
    await shown(signal);
    const hidden = new AbortController();
    const hide = () => document.hidden && hidden.abort();
    document.addEventListener("visibilitychange", hide);
    try {
      const headers = { accept: "text/event-stream", ...(last && { "last-event-id": last }) };
      const answer = await ask(path, { headers, signal: AbortSignal.any([signal, hidden.signal]) });
      if (answer.status === 204) return;
      for await (const event of events(answer.body)) {
        last = event.id ?? last;
        pause = FIRST_PAUSE;
        onEvent(event.name, JSON.parse(event.data));
      }
    } catch (fault) {
      if (signal.aborted) return;
      if (fault instanceof Refused && [401, 404].includes(fault.status)) throw fault;
      if (!hidden.signal.aborted) {
        onLost(fault);
        await resting(pause, signal);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    } finally {
      document.removeEventListener("visibilitychange", hide);
    }
  }
}

// Splits a body into its events; drops comments and empty events.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parsed(block);
        if (event.data) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  const event = { name: "message", data: "", id: null };
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    if (at < 1) continue;
    const value = line.slice(at + 1).replace(/^ /, "");
    if (line.startsWith("data")) event.data += value;
    else if (line.startsWith("event")) event.name = value;
    else if (line.startsWith("id")) event.id = value;
  }
  return event;
}

// Resolves when the page is visible.
export function shown(signal) {
  if (!document.hidden || signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal?.aborted) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal?.addEventListener("abort", look, { once: true });
  });
}

// Resolves after a delay, or immediately when `signal` is aborted.
export function resting(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
