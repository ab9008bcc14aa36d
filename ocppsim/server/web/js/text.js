/* Numbers, times and payloads as short text. */

const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/* A moment (ms) as the time of day here: to the second, and what is below it. */
export function timeOf(moment) {
  return Number.isFinite(moment) ? [clock.format(moment), `.${String(Math.floor(moment) % 1000).padStart(3, "0")}`] : ["", ""];
}

/* Seconds, as people say it: 0.8 ms, 12 ms, 1.25 s, 12 s. */
export function seconds(value) {
  if (value === null || value === undefined) return "";
  if (value < 1) return `${(value * 1000).toFixed(value < 0.01 ? 1 : 0)} ms`;
  return value < 10 ? `${value.toFixed(2)} s` : `${Math.round(value)} s`;
}

/* How long ago (ms): 12 s, 5 min, 3 h, 2 d. */
export function age(ms) {
  const found = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"]].find(([unit]) => ms >= unit);
  return found ? `${Math.floor(ms / found[0])} ${found[1]}` : `${Math.max(0, Math.floor(ms / 1000))} s`;
}

/* A number with thin spaces between thousands. */
export const count = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/* W as W or kW, Wh as Wh or kWh. */
export function scaled(value, unit) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) < 1000 ? `${Math.round(value)} ${unit}` : `${(value / 1000).toFixed(Math.abs(value) < 10_000 ? 2 : 1)} k${unit}`;
}

const LONG = 28;
const FIRST = ["status", "idTag", "requestedMessage", "key", "type"]; // said without their names
const MOMENT = /^\d{4}-\d\d-\d\dT/;

/* A payload on one line, what matters most first; without moments, and "NoError". */
export function brief(payload, most = 160) {
  if (payload === undefined) return "";
  if (payload === null || typeof payload !== "object") return JSON.stringify(payload);
  const parts = [];
  const plain = Object.entries(payload).filter(([, value]) => value !== "NoError" && !MOMENT.test(value));
  const rank = ([name, value]) => (FIRST.includes(name) || name === "meterValue" ? 0 : typeof value === "object" ? 2 : 1);
  for (const [name, value] of plain.sort((one, other) => rank(one) - rank(other))) {
    if (typeof value === "object" && value !== null) parts.push(nested(name, value));
    else parts.push(FIRST.includes(name) ? cut(String(value)) : `${name} ${cut(String(value))}`);
    most -= parts.at(-1).length;
    if (most < 0) break;
  }
  if (parts.length) return parts.join(" · ");
  return Object.entries(payload).map(([name, value]) => `${name} ${MOMENT.test(value) ? timeOf(Date.parse(value))[0] : value}`).join(" · ");
}

function nested(name, value) {
  if (Array.isArray(value)) return name === "meterValue" ? sampled(value) : `${name} [${value.length}]`;
  const first = value.status ?? Object.values(value).find((one) => typeof one !== "object");
  return first === undefined ? `${name} {}` : `${name} ${cut(String(first))}`;
}

/* The first values of a meterValue, with their units. */
function sampled(list) {
  const values = list.flatMap((one) => (Array.isArray(one?.sampledValue) ? one.sampledValue : []));
  return values.slice(0, 3).map((one) => `${one?.value} ${one?.unit ?? "Wh"}`).join(", ") + (values.length > 3 ? " …" : "");
}

const cut = (text) => (text.length > LONG ? `${text.slice(0, LONG - 1)}…` : text);
