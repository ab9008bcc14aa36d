/* The dialog that makes charge points. */

import { at, post, several } from "./api.js";
import { button, field, h, select } from "./dom.js";
import { store } from "./store.js";
import { complain, toast } from "./toast.js";

const PROFILES = [
  ["", "As the URL says"],
  ["0", "0: plain, no password"],
  ["1", "1: plain, with password"],
  ["2", "2: TLS, with password"],
  ["3", "3: TLS, with client certificate"],
];
const FILES = { ca: "CA certificate", cert: "Client certificate", key: "Its key" };

/* A name that is free: CP1, CP2, … */
function free() {
  let number = 1;
  while (store.points.has(`CP${number}`)) number++;
  return `CP${number}`;
}

/* Names after the first: its number at the end goes up, with its zeros. */
export function names(first, count) {
  const [, head, digits] = /^(.*?)(\d*)$/.exec(first);
  if (count === 1) return [first];
  const from = digits === "" ? 1 : Number(digits);
  return Array.from({ length: count }, (_, place) => head + String(from + place).padStart(digits.length, "0"));
}

/* Open it. given: {name, url} that are filled in; done(name): the first that was made. */
export function connectDialog(given = {}, done = () => null) {
  const name = h("input", { value: given.name ?? free(), required: true, maxlength: 48, autocomplete: "off", spellcheck: "false" });
  const url = h("input", { type: "text", value: given.url ?? localStorage.getItem("url") ?? "", placeholder: "ws://localhost:9000/ocpp", autocomplete: "off", spellcheck: "false" });
  const user = h("input", { autocomplete: "off", placeholder: "the name" });
  const password = h("input", { type: "password", autocomplete: "new-password" });
  const profile = select(PROFILES, "");
  const files = Object.fromEntries(Object.keys(FILES).map((key) => [key, h("input", { autocomplete: "off", spellcheck: "false" })]));
  const lives = h("input", { type: "checkbox", class: "switch", checked: true, id: "new-station" });
  const connectors = h("input", { type: "number", min: 1, max: 20, value: 2 });
  const speed = h("input", { type: "number", min: 1, max: 1000, value: 60 });
  const again = h("input", { type: "checkbox", class: "switch", id: "new-again" });
  const many = h("input", { type: "number", min: 1, max: 500, value: 1 });
  const said = h("p", { class: "note bad", role: "alert", hidden: true });
  const progress = h("progress", { hidden: true, "aria-label": "Charge points made" });
  const go = h("button", { type: "submit", class: "primary" }, "Connect");

  function options() {
    const found = { reconnect: again.checked };
    if (url.value.trim()) found.url = url.value.trim();
    if (user.value) found.user = user.value;
    if (password.value) found.password = password.value;
    if (profile.value) found.security_profile = Number(profile.value);
    for (const [key, input] of Object.entries(files)) if (input.value.trim()) found[key] = input.value.trim();
    return found;
  }

  async function make(one, found) {
    await post("/cp", { name: one, ...found });
    if (!lives.checked) return;
    try {
      await post(at(one, "/station"), { connectors: Number(connectors.value), speed: Number(speed.value) });
    } catch (error) {
      if (error.status !== 409) throw error;
      toast(`${one} has no station: ${error.what}`, { hint: error.hint });
    }
  }

  async function submit(event) {
    event.preventDefault();
    said.hidden = true;
    go.setAttribute("aria-busy", "true");
    const wanted = names(name.value.trim(), Number(many.value));
    const found = options();
    progress.max = wanted.length;
    progress.hidden = wanted.length === 1;
    let made = 0;
    try {
      await several(wanted, 3, async (one) => {
        await make(one, found);
        progress.value = ++made;
      });
      localStorage.setItem("url", url.value.trim());
      await store.refresh();
      dialog.close();
      done(wanted[0]);
    } catch (error) {
      said.textContent = [error.what ?? error.message, error.hint].filter(Boolean).join(" – ");
      said.hidden = false;
      if (made) store.refresh();
      if (error.status === undefined) complain(error);
    } finally {
      go.removeAttribute("aria-busy");
    }
  }

  const form = h(
    "form",
    { onsubmit: submit },
    h("h2", {}, "Connect a charge point"),
    field("URL of the CSMS", url, "The name goes to its end. Leave it empty for a CSMS inside ocppsim, to try things out."),
    h("div", { class: "two" }, field("Name (identity)", name), field("How many", many, "They are numbered on")),
    h("div", { class: "check" }, lives, h("label", { for: "new-station" }, "A station lives on it: it boots, charges and reports by itself")),
    h("div", { class: "two" }, field("Connectors", connectors), field("Speed of its time", speed, "60: a minute in a second")),
    h("div", { class: "check" }, again, h("label", { for: "new-again" }, "Connect again by itself when the line is lost")),
    h(
      "details",
      {},
      h("summary", {}, "Security"),
      h("div", { class: "two" }, field("Security profile", profile), field("User", user), field("Password", password)),
      h("p", {}, h("small", {}, "Files on the machine of the server:")),
      h("div", { class: "two" }, Object.entries(FILES).map(([key, text]) => field(text, files[key]))),
    ),
    said,
    progress,
    h("div", { class: "buttons end" }, button("Cancel", () => dialog.close()), go),
  );
  const dialog = h("dialog", { "aria-label": "Connect a charge point", onclose: () => dialog.remove() }, form);
  document.body.append(dialog);
  dialog.showModal();
  (given.url || !url.value ? url : name).focus();
  return dialog;
}
