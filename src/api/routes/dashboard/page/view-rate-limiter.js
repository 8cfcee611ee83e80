// The rate limiter: usage of each window, waiting calls and pauses, as a panel and as a page with all details.

import { asTable, chart, lines, niceTop } from "./charts.js";
import { h, once, render } from "./dom.js";
import { count, exactTime, many, percent, until, when } from "./format.js";
import { rateLimiter } from "./rate-limiter.js";
import { term } from "./tips.js";

const HEIGHT = 150;

export function rateLimiterPanel(signal, { wide = false } = {}) {
  const drawing = chart("Usage of each window of the rate limiter over the last five minutes. The current figures are below.", wide ? 220 : HEIGHT, draw);
  const queue = wide ? queueChart() : null;
  const windows = h("ul", { class: "meters" });
  const lanes = h("p", { class: "lanes" });
  const state = h("span", { class: "chip" });
  const element = h("section", { class: "panel chart-panel", "aria-label": "Rate limiter" },
    h("div", { class: "panel-head" }, h("h2", {}, term("other", "rate limiter", "Rate limiter")), state),
    h("p", { class: "muted caption" }, "Usage of each window since this page was opened, at most five minutes; shaded: paused"),
    h("div", { class: "chart-place" }, drawing.element), windows, lanes, queue?.element);
  const update = once(() => {
    const now = rateLimiter.now;
    if (!now || signal.aborted) return;
    const standing = standingOf(now);
    render(state, standing, () => standing[1]);
    state.className = `chip is-${standing[0]}`;
    render(windows, now.windows, () => now.windows.map(meter));
    const waiting = now.lanes.map((lane) => `${lane.lane} ${count(lane.waiting)}`).join(", ");
    render(lanes, [waiting, now.inFlight], () => [h("span", { class: "muted" }, "Waiting: "), waiting, h("span", { class: "muted" }, " · in flight: "), `${now.inFlight} of ${now.maxInFlight}`]);
    drawing.redraw();
    queue?.update();
  });
  rateLimiter.addEventListener("change", update, { signal });
  rateLimiter.watch(signal);
  update();
  return { element };
}

// The number of waiting calls in each lane, over the same time.
function queueChart() {
  const drawing = chart("Waiting calls in each lane over the last five minutes. The current figures are below.", HEIGHT, drawQueue);
  const legend = h("ul", { class: "legend" });
  const element = h("div", {}, h("h3", {}, "Calls waiting, by lane"), h("div", { class: "chart-place" }, drawing.element), legend);
  const update = () => {
    const { lanes } = rateLimiter.now;
    render(legend, lanes.map((lane) => lane.waiting), () => lanes.map(({ lane, waiting }, number) => h("li", {}, h("span", { class: `swatch line-back-${number}`, "aria-hidden": "true" }), `${lane} `, h("b", {}, count(waiting)))));
    drawing.redraw();
  };
  return { element, update };
}

const nameOf = (limit) => `${count(limit.calls)} per ${limit.periodSeconds} s`;

function meter(limit, number) {
  const meterBar = h("span", { class: "meter", "aria-hidden": "true" }, h("span", { class: `meter-fill line-back-${number}` }));
  meterBar.firstChild.style.width = percent(Math.min(1, limit.used / limit.calls)).replace(" ", "");
  return h("li", {}, h("span", { class: `swatch line-back-${number}`, "aria-hidden": "true" }), nameOf(limit), meterBar, h("b", {}, `${count(limit.used)} used`));
}

function standingOf(limits) {
  if (limits.breaker.open) return ["failed", "Genesys is down"];
  if (limits.pausedUntil && Date.parse(limits.pausedUntil) > Date.now()) return ["held", `paused ${until(limits.pausedUntil)}`];
  if (limits.pausedRoutes.length) return ["held", many(limits.pausedRoutes.length, "route paused", "routes paused")];
  if (limits.breaker.services.length) return ["held", `${limits.breaker.services.map(({ service }) => service).join(", ")} down`];
  if (limits.leftByOthers !== null) return ["waiting", "limit shared with others"];
  return ["applied", "open"];
}

function draw(width, height) {
  const { samples } = rateLimiter;
  if (samples.length === 0) return [];
  const [from, to] = spanOf(samples);
  const series = samples.at(-1).limits.windows.map((limit, number) => ({
    name: nameOf(limit),
    points: samples.map(({ at, limits }) => ({ at, share: (limits.windows[number]?.used ?? 0) / limit.calls })),
  }));
  return lines(series, bandsOf(samples), from, to, width, height);
}

function drawQueue(width, height) {
  const { samples } = rateLimiter;
  if (samples.length === 0) return [];
  const [from, to] = spanOf(samples);
  const top = niceTop(Math.max(2, ...samples.flatMap(({ limits }) => limits.lanes.map((lane) => lane.waiting))));
  const series = samples.at(-1).limits.lanes.map(({ lane }, number) => ({
    name: lane,
    points: samples.map(({ at, limits }) => ({ at, share: (limits.lanes[number]?.waiting ?? 0) / top })),
  }));
  return lines(series, bandsOf(samples), from, to, width, height, (share) => count(share * top));
}

// Returns the span from the first sample, or from a minute before the last if there are few, to the last.
function spanOf(samples) {
  const to = samples.at(-1).at;
  return [Math.min(samples[0].at, to - 60_000), to];
}

// Returns the periods in which nothing was sent, because Genesys asked for a pause or was down.
function bandsOf(samples) {
  const bands = [];
  let open = null;
  for (const { at, limits } of samples) {
    const why = limits.breaker.open ? "Genesys is down" : Date.parse(limits.pausedUntil ?? 0) > at ? "paused at Genesys' request" : null;
    if (open && open.title !== why) open = null;
    if (why && !open) bands.push((open = { from: at, to: at, title: why }));
    if (open) open.to = at;
  }
  return bands;
}

// The page: the panel, and all details of GET /v1/limits.
export function rateLimiterView(root, _, signal) {
  const panel = rateLimiterPanel(signal, { wide: true });
  const all = h("div", { class: "panel" });
  root.append(h("h1", {}, "Rate limiter"),
    h("p", { class: "intro" }, "Every call to Genesys goes through one rate limiter, which never exceeds the permitted calls in any window. If a job is slower than expected, this page shows why."),
    panel.element, all);
  const update = once(() => {
    if (!rateLimiter.now || signal.aborted) return;
    render(all, rateLimiter.now, () => detailsOf(rateLimiter.now));
  });
  rateLimiter.addEventListener("change", update, { signal });
  update();
}

function detailsOf(limits) {
  const line = (name, text) => h("div", {}, h("dt", {}, name), h("dd", {}, text));
  const breaker = limits.breaker.open ? `open${limits.breaker.nextProbeAt ? `; next probe at ${exactTime(limits.breaker.nextProbeAt)}` : "; a probe is in flight"}` : "closed: Genesys works";
  return [
    h("div", { class: "panel-head" }, h("h2", {}, "Details")),
    h("dl", { class: "list" },
      line("Paused", limits.pausedUntil ? `until ${when(limits.pausedUntil)}` : "no"),
      line(term("other", "breaker", "Breaker"), breaker),
      line("Genesys services that are down", limits.breaker.services.map(({ service, nextProbeAt }) => `${service}, ${nextProbeAt ? `next probe at ${exactTime(nextProbeAt)}` : "a probe is in flight"}`).join("; ") || "none"),
      line("Routes paused", limits.pausedRoutes.map((route) => `${route.route} until ${exactTime(route.until)}`).join(", ") || "none"),
      line("Learned limits of single routes", limits.learnedLimits.map((limit) => `${limit.route}: ${nameOf(limit)}, until ${exactTime(limit.until)}`).join("; ") || "none"),
      line("Left by other users of the OAuth client", limits.leftByOthers === null ? "no restriction" : `${count(limits.leftByOthers)} calls`),
      line("In flight", `${limits.inFlight} of at most ${limits.maxInFlight}`)),
    lanesTable(limits),
    asTable("Usage of the windows in the last minutes", ["At", ...limits.windows.map(nameOf), "Waiting"],
      rateLimiter.samples.filter((_, at) => at % 10 === 0).map(({ at, limits: then }) => [exactTime(at), ...then.windows.map((window) => window.used), then.lanes.reduce((sum, lane) => sum + lane.waiting, 0)])),
  ];
}

function lanesTable(limits) {
  return h("table", { class: "rows" }, h("caption", {}, "Lanes, in order of precedence"),
    h("thead", {}, h("tr", {}, ["Lane", "Waiting", "Granted since the start"].map((text, at) => h("th", { scope: "col", class: at ? "number" : null }, text)))),
    h("tbody", {}, limits.lanes.map((lane) => h("tr", {}, h("th", { scope: "row" }, lane.lane), h("td", { class: "number", "data-head": "Waiting" }, count(lane.waiting)), h("td", { class: "number", "data-head": "Granted" }, count(lane.granted))))));
}
