/* Whether a value is as a JSON Schema of OCPP wants it: a first look while one types. The server has
   the last word. */

const MOMENT = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

const KINDS = {
  object: (value) => value !== null && typeof value === "object" && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
  number: (value) => typeof value === "number" && Number.isFinite(value),
  boolean: (value) => typeof value === "boolean",
};
const NAMES = { object: "an object", array: "a list", string: "a text", integer: "a whole number", number: "a number", boolean: "true or false" };

/* What is wrong: a list of {path: [name or place, …], text}. */
export function check(schema, value, path = []) {
  const wrong = (text) => [{ path, text }];
  if (schema.type && !KINDS[schema.type](value)) return wrong(`must be ${NAMES[schema.type]}`);
  if (schema.enum && !schema.enum.includes(value)) return wrong("is none of the values that OCPP has");
  if (typeof value === "string") return ofText(schema, value).flatMap(wrong);
  if (typeof value === "number") return ofNumber(schema, value).flatMap(wrong);
  if (Array.isArray(value)) {
    const few = value.length < (schema.minItems ?? 0) ? wrong(`needs at least ${schema.minItems}`) : [];
    const many = value.length > (schema.maxItems ?? Infinity) ? wrong(`has at most ${schema.maxItems}`) : [];
    return [...few, ...many, ...value.flatMap((one, place) => check(schema.items ?? {}, one, [...path, place]))];
  }
  if (!KINDS.object(value) || !schema.properties) return [];
  const missing = (schema.required ?? []).filter((name) => !(name in value));
  return [
    ...missing.map((name) => ({ path: [...path, name], text: "is missing" })),
    ...Object.entries(value).flatMap(([name, one]) => {
      const own = schema.properties[name];
      if (own) return check(own, one, [...path, name]);
      return schema.additionalProperties === false ? [{ path: [...path, name], text: "is not in OCPP" }] : [];
    }),
  ];
}

function ofText({ maxLength, minLength, pattern, format }, value) {
  const found = [];
  const length = [...value].length;
  if (length > maxLength) found.push(`${length} characters, at most ${maxLength} are allowed`);
  if (length < minLength) found.push(`needs ${minLength} characters at least`);
  if (pattern && !new RegExp(pattern, "u").test(value)) found.push(`does not fit ${pattern}`);
  if (format === "date-time" && (!MOMENT.test(value) || Number.isNaN(Date.parse(value)))) found.push("must be a moment, such as 2026-01-31T12:00:00Z");
  if (format === "uri" && !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(value)) found.push("must be a URI");
  return found;
}

function ofNumber({ minimum, maximum, multipleOf }, value) {
  const found = [];
  if (value < minimum) found.push(`must be ${minimum} at least`);
  if (value > maximum) found.push(`must be ${maximum} at most`);
  if (multipleOf && Math.abs(value / multipleOf - Math.round(value / multipleOf)) > 1e-6) found.push(`must be a multiple of ${multipleOf}`);
  return found;
}

/* A path for people: meterValue 1, sampledValue 2, value. */
export const named = (path) => path.map((one) => (typeof one === "number" ? `${one + 1}` : one)).join(" › ") || "the payload";

/* What a schema demands of a text or number, in words. */
export function demands({ type, maxLength, minimum, maximum, multipleOf, unit }) {
  return [
    type === "integer" || type === "number" ? unit : "",
    maxLength !== undefined ? `at most ${maxLength} characters` : "",
    minimum !== undefined ? `from ${minimum}` : "",
    maximum !== undefined ? `to ${maximum}` : "",
    multipleOf !== undefined ? `in steps of ${multipleOf}` : "",
  ].filter(Boolean).join(", ");
}
