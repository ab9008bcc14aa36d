/* The messages of one charge point as exchanges: a CALL and its answer are one row. */

import { faultsOf } from "./meaning.js";

export const MOST = 50_000; // rows that are kept; older ones are at the server still, or exported

/* A row: `call` and `answer` are messages of the API (either may be missing), `mark` a line between
   rows. own: whether the charge point began it. */
function row(fields) {
  return { number: 0, time: 0, own: true, action: "", call: null, answer: null, mark: "", faults: [], ...fields };
}

export class Exchanges {
  constructor() {
    this.rows = [];
    this.dropped = 0; // rows that are not kept any more
    this.last = 0; // the number of the newest message
    this.lastTime = "";
    this.waiting = new Map();
  }

  /* Take a message. Gives the rows that are new or have changed; null where messages before it have
     not come: it is not taken then. */
  add(message) {
    const rows = [];
    if (message.number <= this.last) {
      if (message.time <= this.lastTime) return rows; // it is known
      rows.push(this.mark("a new charge point of this name begins"));
      this.last = message.number - 1;
    }
    if (this.last && message.number > this.last + 1) return null;
    this.last = message.number;
    this.lastTime = message.time;
    const sent = message.direction === "sent";
    const answers = message.type === "CALLRESULT" || message.type === "CALLERROR";
    if (answers) {
      const key = `${!sent}${message.uniqueId}`;
      const found = this.waiting.get(key);
      if (found) {
        this.waiting.delete(key);
        found.answer = message;
        found.faults = [...found.faults, ...faultsOf(message)];
        found.text = undefined;
        return [...rows, found];
      }
    }
    const made = row({
      number: message.number,
      time: Date.parse(message.time),
      own: answers ? !sent : sent,
      action: message.action ?? "",
      call: answers ? null : message,
      answer: answers ? message : null,
      faults: faultsOf(message),
    });
    if (!answers && message.uniqueId !== null) this.waiting.set(`${sent}${message.uniqueId}`, made);
    this.push(made);
    return [...rows, made];
  }

  /* A line between rows, after which nothing answers what stands before it. */
  mark(text) {
    const made = row({ mark: text, time: Date.now() });
    this.push(made);
    this.waiting.clear();
    return made;
  }

  push(made) {
    made.place = this.dropped + this.rows.length;
    this.rows.push(made);
    if (this.rows.length > MOST * 1.1) {
      const count = this.rows.length - MOST;
      this.rows.splice(0, count);
      this.dropped += count;
    }
    if (this.waiting.size > MOST) this.waiting.delete(this.waiting.keys().next().value);
  }
}

export const isError = (one) => one.answer?.type === "CALLERROR";
export const isBad = (one) => one.faults.length > 0 || one.call?.type === "bad";

/* All the text of a row, in lower case, to be searched. */
export function textOf(one) {
  one.text ??= [one.call, one.answer]
    .map((message) => (message ? (message.frame ? JSON.stringify(message.frame) : (message.text ?? "")) : ""))
    .join(" ")
    .toLowerCase();
  return one.text;
}

/* The payload of a message, undefined where it has none. */
export function payloadOf(message) {
  const frame = message?.frame;
  if (!Array.isArray(frame)) return undefined;
  return { CALL: frame[3], CALLRESULT: frame[2] }[message.type];
}
