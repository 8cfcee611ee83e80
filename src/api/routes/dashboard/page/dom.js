// Creates and updates elements. Text is inserted as text: nothing here, or anywhere in the page, parses markup.

const SVG = "http://www.w3.org/2000/svg";

// Creates an element with attributes, listeners (`on…`), classes and children; null and false are left out.
export function h(name, props = {}, ...children) {
  return fill(document.createElement(name), props, children);
}

// Creates an SVG element in the same way.
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

// Rebuilds the children of `parent` if `signature` differs from the last one. The element that had the focus gets it back,
// found by its `data-key`.
export function render(parent, signature, build) {
  const text = typeof signature === "string" ? signature : JSON.stringify(signature);
  if (parent.rendered === text) return;
  parent.rendered = text;
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  parent.replaceChildren(...[build()].flat().filter(Boolean));
  if (focused) parent.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

// Makes the children of `parent` match `items`, in order. A child is kept as long as its key is present.
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

// Returns a function that calls `work` once in the next frame, however often it is called, and at most every `apart`
// milliseconds.
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

// Announces a text to screen readers.
export function say(text) {
  const place = document.getElementById("said");
  if (place.textContent !== text) place.textContent = text;
}

// Returns an id for an element to which another one refers.
let made = 0;
export const newId = (kind) => `${kind}-${++made}`;
