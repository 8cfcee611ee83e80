// Two SVG charts, drawn at their actual size: stacked bars over time, and lines of shares over time.

import { h, s } from "./dom.js";
import { exactTime, timeOfDay } from "./format.js";

const AXIS = 18;
const SIDE = 34;

// A chart that is redrawn when its width changes. `draw(width, height)` returns its elements.
export function chart(label, height, draw) {
  const svg = s("svg", { class: "chart", role: "img", "aria-label": label, height, width: "100%" });
  const redraw = () => {
    const width = Math.floor(svg.clientWidth);
    if (width > 0) svg.replaceChildren(...draw(width, height));
  };
  new ResizeObserver(redraw).observe(svg);
  return { element: svg, redraw };
}

// `buckets`: [{at, parts: {name: count}}], `names` in the order of stacking, `titleOf(bucket)` for the pointer.
export function bars(buckets, names, width, height, titleOf) {
  const total = (bucket) => names.reduce((sum, name) => sum + (bucket.parts[name] ?? 0), 0);
  const top = niceTop(Math.max(1, ...buckets.map(total)));
  const inner = height - AXIS - 6;
  const y = (value) => 6 + inner - (value / top) * inner;
  const step = (width - SIDE) / buckets.length;
  const drawn = [...gridlines([0, top / 2, top], y, width, (value) => (Number.isInteger(value) ? String(value) : ""))];
  buckets.forEach((bucket, at) => {
    const left = SIDE + at * step + Math.min(1, step * 0.1);
    const wide = Math.max(1, step - Math.min(2, step * 0.2));
    let sum = 0;
    const stack = s("g", {}, s("title", {}, titleOf(bucket)));
    for (const name of names) {
      const part = bucket.parts[name] ?? 0;
      if (part === 0) continue;
      sum += part;
      stack.append(s("rect", { class: `fill-${name}`, x: left, width: wide, y: y(sum), height: Math.max(1, y(sum - part) - y(sum)) }));
    }
    if (sum > 0) drawn.push(stack);
  });
  drawn.push(...ticks(buckets.map((bucket) => bucket.at), (at) => SIDE + at * step + step / 2, width, height));
  return drawn;
}

// `series`: [{name, points: [{at, share}]}] with shares from 0 to 1; `bands`: [{from, to, title}] are shaded; `label`
// formats the value that a share stands for.
export function lines(series, bands, from, to, width, height, label = (share) => `${share * 100} %`) {
  const inner = height - AXIS - 6;
  const x = (at) => SIDE + ((at - from) / (to - from)) * (width - SIDE - 4);
  const y = (share) => 6 + inner - Math.min(1, share) * inner;
  const drawn = [...gridlines([0, 0.5, 1], y, width, label)];
  for (const band of bands) {
    const left = Math.max(SIDE, x(band.from));
    drawn.push(s("rect", { class: "band", x: left, width: Math.max(2, x(band.to) - left), y: 6, height: inner }, s("title", {}, band.title)));
  }
  series.forEach(({ name, points }, number) => {
    if (points.length === 0) return;
    const path = points.map((point, at) => `${at ? "L" : "M"}${x(point.at).toFixed(1)},${y(point.share).toFixed(1)}`).join("");
    drawn.push(s("path", { class: `line line-${number}`, d: path }, s("title", {}, name)));
  });
  const marks = [from, from + (to - from) / 2, to];
  marks.forEach((at, number) => {
    const anchor = ["start", "middle", "end"][number];
    drawn.push(s("text", { class: "tick", x: number === 0 ? SIDE : Math.min(x(at), width - 2), y: height - 4, "text-anchor": anchor }, exactTime(at)));
  });
  return drawn;
}

function gridlines(values, y, width, label) {
  return values.flatMap((value) => [
    s("line", { class: "grid", x1: SIDE, x2: width, y1: y(value), y2: y(value) }),
    s("text", { class: "tick", x: SIDE - 5, y: y(value) + 4, "text-anchor": "end" }, label(value)),
  ]);
}

function ticks(times, x, width, height) {
  const span = times.at(-1) - times[0];
  const label = span > 3 * 3600_000 ? timeOfDay : exactTime;
  const fit = Math.max(1, Math.floor((width - SIDE) / 90));
  const every = Math.max(1, Math.ceil(times.length / fit));
  return times.flatMap((at, number) =>
    number % every || x(number) > width - 30 ? [] : [s("text", { class: "tick", x: Math.max(x(number), SIDE + 20), y: height - 4, "text-anchor": "middle" }, label(at))]);
}

// Returns the next larger number that divides evenly.
export function niceTop(value) {
  const size = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 5, 10].find((factor) => factor * size >= value) ?? 10;
  return Math.max(2, step * size);
}

// The same figures as a table, for users who cannot see the chart or want to copy the figures.
export function asTable(caption, head, rows) {
  return h("details", { class: "as-table" }, h("summary", {}, "As a table"),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
      h("table", {}, h("caption", { class: "hidden" }, caption),
        h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, cell)))),
        h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, at) => h(at ? "td" : "th", at ? { class: "number" } : { scope: "row" }, String(cell)))))))));
}
