/* The REST API of the server. */

/* What the server refused: `what`, `where` and `hint` are for people. body: all of the answer. */
export class ApiError extends Error {
  constructor(status, error, body) {
    super(error.what);
    Object.assign(this, { status, what: error.what, where: error.where, hint: error.hint ?? "", body });
  }
}

/* Ask, and give the JSON of the answer. body: JSON, or the text of a script. Throws ApiError. */
export async function ask(method, path, body, { script = false, text = false, signal } = {}) {
  const options = { method, headers: {}, signal };
  if (body !== undefined) {
    options.headers["Content-Type"] = script ? "text/x-python" : "application/json";
    options.body = script ? body : JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { what: "the server of this page does not answer", where: path, hint: "is ocppsim still running?" });
  }
  const said = await answer.text();
  if (answer.ok && text) return said;
  let value = null;
  try {
    value = JSON.parse(said);
  } catch {
    if (answer.ok) throw new ApiError(answer.status, { what: "the answer is no JSON", where: path });
  }
  if (answer.ok) return value;
  throw new ApiError(answer.status, value?.error ?? { what: answer.statusText || `status ${answer.status}`, where: path }, value);
}

export const get = (path, options) => ask("GET", path, undefined, options);
export const post = (path, body = {}) => ask("POST", path, body);
export const put = (path, body) => ask("PUT", path, body);
export const remove = (path) => ask("DELETE", path);

/* Do `act` with each of these, so many at a time. Throws the first that one of them throws. */
export async function several(items, atOnce, act) {
  const queue = [...items];
  const worker = async () => {
    while (queue.length) await act(queue.shift());
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, queue.length) }, worker));
}

/* The path of a charge point. */
export const at = (name, rest = "") => `/cp/${encodeURIComponent(name)}${rest}`;
