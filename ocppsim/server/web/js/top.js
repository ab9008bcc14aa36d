/* The head of the page: which charge point, how it is connected, and what may be done about it. */

import { at, post, remove } from "./api.js";
import { $, button, h, icon, refill, say } from "./dom.js";
import { connectDialog } from "./connect.js";
import { menu } from "./menu.js";
import { store } from "./store.js";
import { age, count } from "./text.js";
import { turn } from "./theme.js";
import { attempt } from "./toast.js";

const PROFILES = ["0 · plain", "1 · password", "2 · TLS, password", "3 · TLS, certificates"];
const PAGES = [
  ["Documentation", "/docs/"],
  ["This page", "/docs/how-to/web.html"],
  ["The REST API", "/api"],
  ["What is connected to what", "/admin"],
];
const BANNERS = { lost: "The server of this page does not answer. It is asked again by itself; what was shown stays.", waiting: "" };

/* fleet(): turn between one charge point and all. */
export function top(fleet) {
  const which = h("select", { "aria-label": "Charge point", onchange: () => store.choose(which.value) });
  const dot = h("span", { class: "dot" });
  const add = h("button", { type: "button", class: "square quiet", "aria-label": "Connect another charge point", title: "Connect another charge point", onclick: () => connectDialog({}, (name) => store.choose(name)) }, icon("plus"));
  // on a phone there is no room for the facts: they come when they are asked for
  const about = h("button", { type: "button", class: "square quiet about", "aria-label": "About the connection", "aria-expanded": "false" }, h("span", { class: "dot" }));
  about.addEventListener("click", () => about.setAttribute("aria-expanded", String(document.body.toggleAttribute("data-facts"))));
  $("#who").append(dot, about, which, add);

  const connect = button("Connect", () => attempt(() => post(at(store.chosen, "/connect"))).then(() => store.refresh()), { class: "primary" });
  const disconnect = button("Disconnect", () => attempt(() => post(at(store.chosen, "/disconnect"))).then(() => store.refresh()));
  const more = menu(
    icon("more"),
    [
      ["Connect to another URL …", () => moveDialog()],
      ["Remove this charge point", () => attempt(() => remove(at(store.chosen))).then(() => store.refresh())],
    ],
    { class: "square quiet", "aria-label": "More for this charge point" },
  );
  const all = h("button", { type: "button", id: "all", class: "wide", "aria-pressed": "false", onclick: fleet }, icon("grid"), h("span", {}, "All"));
  const docs = menu(icon("docs"), PAGES.map(([text, path]) => [text, () => window.open(path, "_blank", "noopener")]), {
    class: "square quiet wide",
    "aria-label": "Read more",
    title: "Read more",
  });
  const light = h("button", { type: "button", class: "quiet square", "aria-label": "Light or dark", title: "Light or dark", onclick: turn }, icon("theme"));
  $("#acts").append(connect, disconnect, more, all, docs, light);

  const facts = Object.fromEntries(
    ["OCPP", "CSMS", "Connected", "Security", "Queue", "CSMS violations"].map((name) => [name, h("dd", {})]),
  );
  refill($("#facts"), Object.entries(facts).map(([name, value]) => h("div", { class: name === "CSMS" ? "url" : name.toLowerCase() }, h("dt", {}, name === "CSMS" ? "URL" : name), value)));

  function list() {
    const names = [...store.points.keys()];
    say(all.lastChild, `All ${names.length || ""}`.trim());
    if (names.join("\n") !== which.dataset.names) {
      which.dataset.names = names.join("\n");
      refill(which, names.length ? names.map((name) => h("option", { value: name }, name)) : h("option", { value: "" }, "No charge point"));
    }
    which.disabled = !names.length;
    which.value = store.chosen ?? "";
  }

  function show() {
    const point = store.point;
    list();
    const there = Boolean(point);
    document.title = there ? `${point.name} · ocppsim` : "ocppsim";
    $("#facts").hidden = !there;
    for (const one of [connect, disconnect, more]) one.hidden = !there;
    for (const one of [dot, about]) one.dataset.status = point?.connected ? "connected" : "disconnected";
    if (!there) return;
    connect.hidden = point.connected;
    disconnect.hidden = !point.connected;
    say(facts.OCPP, point.version ?? point.subprotocol?.replace("ocpp", "") ?? "1.6");
    say(facts.CSMS, point.url ?? "not chosen yet");
    facts.CSMS.title = point.url ?? "";
    say(facts.Security, PROFILES[point.security_profile] ?? "–");
    say(facts.Queue, point.queue ? `${count(point.queue)} waiting` : "empty");
    facts.Queue.classList.toggle("bad", point.queue > 0);
    say(facts["CSMS violations"], count(point.violations));
    facts["CSMS violations"].classList.toggle("bad", point.violations > 0);
    tick();
  }

  function tick() {
    const point = store.point;
    if (!point) return;
    const since = Date.parse(point.since ?? "");
    const text = point.connected ? (Number.isFinite(since) ? `for ${age(Date.now() - since)}` : "yes") : point.reconnecting ? "trying …" : "no";
    say(facts.Connected, text);
  }

  function line(state) {
    const banner = $("#banner");
    banner.hidden = !BANNERS[state];
    say(banner, BANNERS[state] ?? "");
  }

  store.on("points", list);
  store.on("chosen", show);
  store.on("point", show);
  store.on("line", line);
  setInterval(tick, 1000);
  show();
}

function moveDialog() {
  const url = h("input", { value: store.point?.url ?? "", required: true, "aria-label": "URL of the CSMS", spellcheck: "false" });
  const go = async (event) => {
    event.preventDefault();
    if (await attempt(() => post(at(store.chosen, "/connect"), { url: url.value.trim() }))) dialog.close();
    store.refresh();
  };
  const form = h(
    "form",
    { onsubmit: go },
    h("h2", {}, `Connect ${store.chosen} to another URL`),
    url,
    h("div", { class: "buttons end" }, button("Cancel", () => dialog.close()), h("button", { type: "submit", class: "primary" }, "Connect")),
  );
  const dialog = h("dialog", { "aria-label": "Connect to another URL", onclose: () => dialog.remove() }, form);
  document.body.append(dialog);
  dialog.showModal();
  url.select();
}
