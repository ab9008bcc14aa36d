/* Python, as far as the page needs it: its words for the eye, and values and calls as code. */

const KEYWORDS = new Set(
  (
    "and as assert async await break class continue def del elif else except finally for from global if import in is lambda" +
    " match nonlocal not or pass raise return try while with yield"
  ).split(" "),
);
const CONSTANTS = new Set(["True", "False", "None"]);
const OURS = new Set(["cp", "connect", "csms"]);
const TOKEN = new RegExp(
  [
    "(?<comment>#[^\\n]*)",
    "(?<string>[rbfuRBFU]{0,2}(?:\"\"\"[^]*?(?:\"\"\"|$)|'''[^]*?(?:'''|$)|\"(?:\\\\.|[^\"\\\\\\n])*\"?|'(?:\\\\.|[^'\\\\\\n])*'?))",
    "(?<decorator>(?<=^[ \\t]*)@[\\w.]*)",
    "(?<number>\\b(?:0[xX][\\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\\d[\\d_]*(?:\\.[\\d_]*)?(?:[eE][+-]?\\d+)?)\\b)",
    "(?<name>[\\p{L}_][\\p{L}\\p{N}_]*)",
  ].join("|"),
  "gmu",
);

/* The lines of a text, each a list of [kind, text]; kind: "comment", "string", "number", "keyword",
   "word", "decorator", "ours", "call", or "". */
export function tokens(text) {
  const lines = [[]];
  const put = (kind, piece) => {
    for (const [place, part] of piece.split("\n").entries()) {
      if (place) lines.push([]);
      if (part) lines.at(-1).push([kind, part]);
    }
  };
  let end = 0;
  for (const found of text.matchAll(TOKEN)) {
    if (found.index > end) put("", text.slice(end, found.index));
    end = found.index + found[0].length;
    put(kindOf(found, text, end), found[0]);
  }
  put("", text.slice(end));
  return lines;
}

function kindOf(found, text, end) {
  const { comment, string, decorator, number, name } = found.groups;
  if (comment) return "comment";
  if (string) return "string";
  if (decorator) return "decorator";
  if (number) return "number";
  const member = text[found.index - 1] === ".";
  if (!member && KEYWORDS.has(name)) return "keyword";
  if (!member && CONSTANTS.has(name)) return "word";
  if (!member && OURS.has(name)) return "ours";
  return text[end] === "(" ? "call" : "";
}

/* A name of code, to stand in a payload as it is: code("start[\"transactionId\"]"). */
class Code {
  constructor(text) {
    this.text = text;
  }
}
export const code = (text) => new Code(text);

const WIDTH = 60; // characters of a line, before it is broken

/* A value of JSON as Python; broken into lines where it is long. indent: of its first line. */
export function literal(value, indent = 0, used = indent) {
  if (value instanceof Code) return value.text;
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string" && value.includes('"') && /^[ -~]*$/.test(value) && !/['\\]/.test(value)) return `'${value}'`;
  if (typeof value === "string")
    return JSON.stringify(value).replace(
      /[\u007f-\u009f\u2028\u2029]/g,
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  if (typeof value !== "object") return String(value);
  const list = Array.isArray(value);
  const [open, close] = list ? "[]" : "{}";
  const parts = (inner) => {
    if (list) return value.map((one) => literal(one, inner));
    return Object.entries(value).map(([name, one]) => `${literal(name)}: ${literal(one, inner, inner + name.length + 4)}`);
  };
  const flat = `${open}${parts(indent).join(", ")}${close}`;
  if (used + flat.length <= WIDTH && !flat.includes("\n")) return flat;
  const pad = " ".repeat(indent + 4);
  return `${open}\n${parts(indent + 4)
    .map((one) => `${pad}${one},\n`)
    .join("")}${" ".repeat(indent)}${close}`;
}

/* A call: `called` with arguments, as [name, value] or [null, value]. before: "start = ", or "". */
export function callCode(called, given, before = "") {
  const one = (indent) =>
    given.map(([name, value]) => (name ? `${name}=${literal(value, indent, indent + name.length + 1)}` : literal(value, indent)));
  const flat = `${before}${called}(${one(0).join(", ")})`;
  if (flat.length <= WIDTH && !flat.includes("\n")) return flat;
  return `${before}${called}(\n${one(4)
    .map((text) => `    ${text},\n`)
    .join("")})`;
}

/* A payload whose moments of just now are timestamp(). */
export function stamped(value) {
  if (typeof value === "string")
    return /^\d{4}-\d\d-\d\dT.*Z$/.test(value) && Math.abs(Date.now() - Date.parse(value)) < 600_000
      ? code("timestamp()")
      : value;
  if (Array.isArray(value)) return value.map(stamped);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, stamped(one)]));
}

const NAME = /^[A-Za-z_]\w*$/;

/* The Python that sends a message. known: whether the charge point has a method for it. */
export function sendCode(action, payload, { known = true, validate = true, before = "" } = {}) {
  const plain = payload !== null && typeof payload === "object" && !Array.isArray(payload);
  const names = plain ? Object.keys(payload) : [];
  if (known && validate && plain && names.every((name) => NAME.test(name) && !KEYWORDS.has(name))) {
    const method = action.replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();
    return callCode(`cp.send_${method}`, Object.entries(payload), before);
  }
  const given = [[null, action]];
  if (!plain || names.length || !validate) given.push([null, payload]);
  if (!validate) given.push(["validate", false]);
  return callCode("cp.call", given, before);
}

/* Where a traceback of a script of the server ends in it: {line, message}; line 0: nowhere. */
export function faultIn(traceback) {
  const lines = traceback.trim().split("\n");
  const places = [...traceback.matchAll(/File "<script \d+ of [^"\n]*>", line (\d+)/g)];
  const last = places.at(-1);
  const after = last ? traceback.slice(last.index).split("\n").slice(1) : [];
  const message = after.find((line) => /^\S/.test(line) && !line.startsWith("Traceback")) ?? lines.at(-1) ?? "";
  return { line: last ? Number(last[1]) : 0, message };
}
