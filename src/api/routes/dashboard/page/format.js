// Formats numbers, times and durations for people.

const COUNT = new Intl.NumberFormat("en");
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const EXACT = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export const count = (number) => COUNT.format(number);
export const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;
export const percent = (share) => `${Math.round(share * 100)} %`;
export const exactTime = (date) => EXACT.format(new Date(date));
export const timeOfDay = (date) => TIME.format(new Date(date));
export const fullTime = (date) => FULL.format(new Date(date));

// Formats a date as a time if it is today, otherwise with the day.
export function when(date, now = Date.now()) {
  const at = new Date(date);
  const today = at.toDateString() === new Date(now).toDateString();
  return today ? TIME.format(at) : `${DAY.format(at)}, ${TIME.format(at)}`;
}

// Formats a duration in its two largest units.
export function lasting(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 && minutes < 10 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

export const until = (date, now = Date.now()) => lasting(new Date(date) - now);

// Returns the value of a user reference and its kind.
export function userOf(reference) {
  const [kind, value] = Object.entries(reference ?? {}).find(([, given]) => given) ?? ["", "unknown"];
  return { kind, value };
}

// Formats a proficiency as in CSV: 4, 3.5.
export const proficiency = (value) => (value === null || value === undefined ? "" : String(Math.round(value * 10) / 10));
