// Dialogs: confirmations and the sign-in with an API key.

import { ask, setKey } from "./api.js";
import { h, newId } from "./dom.js";

// Asks for confirmation; resolves to `true` only if the named button was pressed.
export function confirmed({ title, text, button, danger = false }) {
  return new Promise((resolve) => {
    const heading = newId("title");
    const close = (answer) => () => (dialog.close(), resolve(answer));
    const dialog = h("dialog", { class: "ask", "aria-labelledby": heading },
      h("h2", { id: heading }, title),
      ...[text].flat().map((line) => (typeof line === "string" ? h("p", {}, line) : line)),
      h("div", { class: "buttons" },
        h("button", { type: "button", onclick: close(false), autofocus: true }, "Not now"),
        h("button", { type: "button", class: danger ? "danger" : "primary", "data-key": "confirm", onclick: close(true) }, button)));
    dialog.addEventListener("close", () => (dialog.remove(), resolve(false)));
    document.body.append(dialog);
    dialog.showModal();
  });
}

let asking = null;

// Asks for a key until one is accepted, then resolves.
export function signIn(hadKey) {
  asking ??= askForKey(hadKey).finally(() => (asking = null));
  return asking;
}

function askForKey(hadKey) {
  return new Promise((resolve) => {
    const heading = newId("title");
    const fault = h("p", { class: "fault", role: "alert" });
    const field = h("input", { type: "password", id: newId("key"), autocomplete: "off", required: true, autofocus: true, spellcheck: "false" });
    const form = h("form", { onsubmit: tryIt },
      h("h2", { id: heading }, "Sign in"),
      h("p", {}, "This service requires an API key. Its operator issues keys; a key with the role ", h("em", {}, "read"), " is enough to view everything."),
      h("label", { for: field.id }, "Key"), field, fault,
      h("p", { class: "muted" }, "The key stays in this tab and is forgotten when you close it."),
      h("div", { class: "buttons" }, h("button", { class: "primary" }, "Sign in")));
    const dialog = h("dialog", { class: "ask", "aria-labelledby": heading, oncancel: (event) => event.preventDefault() }, form);
    async function tryIt(event) {
      event.preventDefault();
      setKey(field.value.trim());
      try {
        await ask("/v1/sync-jobs?limit=1");
        dialog.close();
        dialog.remove();
        resolve();
      } catch (refusal) {
        if (refusal.status === 401) setKey(null);
        fault.textContent = refusal.status === 401 ? "This key is not valid." : refusal.message;
        field.select();
      }
    }
    document.body.append(dialog);
    dialog.showModal();
    if (hadKey) fault.textContent = "The key is no longer valid.";
  });
}
