// The tooltip, which explains a word. It appears on hover and on focus, stays while hovered, and closes with Escape.

import { h } from "./dom.js";
import { meaning } from "./words.js";

const tip = h("div", { id: "tip", role: "tooltip", class: "tip", hidden: true });
let owner = null;

export function startTips() {
  document.body.append(tip);
  document.addEventListener("pointerover", (event) => over(event.target));
  document.addEventListener("focusin", (event) => over(event.target));
  document.addEventListener("focusout", hide);
  // Focusing scrolls, and the scroll event may arrive after the tooltip appeared; a focused word keeps its tooltip.
  document.addEventListener("scroll", () => (owner && owner === document.activeElement ? place() : hide()), { capture: true, passive: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
}

function over(target) {
  const marked = target.closest?.("[data-term]");
  if (marked) show(marked);
  else if (!tip.contains(target) && owner !== document.activeElement) hide();
}

function show(marked) {
  if (marked === owner) return;
  hide();
  const [kind, word] = marked.dataset.term.split("/");
  const { label, text } = meaning(kind, word);
  if (!text) return;
  owner = marked;
  owner.setAttribute("aria-describedby", "tip");
  // A modal dialog hides everything outside it.
  (marked.closest("dialog") ?? document.body).append(tip);
  tip.replaceChildren(h("strong", {}, label), ` ${text}`);
  tip.hidden = false;
  place();
}

function place() {
  const at = owner.getBoundingClientRect();
  const own = tip.getBoundingClientRect();
  const below = at.bottom + 6 + own.height < innerHeight;
  tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - own.width - 8))}px`;
  tip.style.top = `${Math.max(8, below ? at.bottom + 6 : at.top - own.height - 6)}px`;
}

function hide() {
  owner?.removeAttribute("aria-describedby");
  owner = null;
  tip.hidden = true;
}

// A glossary word with a tooltip, reachable by keyboard.
export function term(kind, word, label = meaning(kind, word).label) {
  return h("button", { type: "button", class: "term", "data-term": `${kind}/${word}`, "data-key": `term-${kind}-${word}` }, label);
}
