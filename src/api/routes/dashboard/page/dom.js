// Making and updating elements. Text goes in as text: nothing here, or anywhere in the page, parses markup.

const SVG = "http://www.w3.org/2000/svg";

// An element with attributes, listeners (`on…`), classes and children; what is null or false is left out.
export function h(name, props = {}, ...children) {
  return fill(document.createElement(name), props, children);
}

// The same for a drawing.
export function s(name, props = {}, ...children) {
  return fill(document.createElementNS(SVG, name), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Builds the children of `parent` anew if `signature` is another than the last time. Whoever had the focus inside gets
// it back, found again by `data-key`.
export function render(parent, signature, build) {
  const text = typeof signature === "string" ? signature : JSON.stringify(signature);
  if (parent.rendered === text) return;
  parent.rendered = text;
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  parent.replaceChildren(...[build()].flat().filter(Boolean));
  if (focused) parent.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

// Makes the children of `parent` those of `items`, in order. A child is kept for as long as its key is there.
export function keyed(parent, items, key, create, update) {
  const known = parent.byKey ?? (parent.byKey = new Map());
  const wanted = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const id = key(item);
    wanted.add(id);
    let child = known.get(id);
    if (!child) known.set(id, (child = create(item)));
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const [id, child] of known) {
    if (wanted.has(id)) continue;
    child.remove();
    known.delete(id);
  }
}

// Calls `work` in the next frame, however often it is asked for, and at most every `apart` milliseconds.
export function once(work, apart = 0) {
  let asked = false;
  let last = -Infinity;
  const run = () => {
    asked = false;
    last = performance.now();
    work();
  };
  return () => {
    if (asked) return;
    asked = true;
    const early = last + apart - performance.now();
    if (early > 0) setTimeout(() => requestAnimationFrame(run), early);
    else requestAnimationFrame(run);
  };
}

// Says something to whoever listens instead of looking.
export function say(text) {
  const place = document.getElementById("said");
  if (place.textContent !== text) place.textContent = text;
}

// An id for an element that another one refers to.
let made = 0;
export const newId = (kind) => `${kind}-${++made}`;
