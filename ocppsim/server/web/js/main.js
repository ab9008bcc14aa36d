/* Puts the parts of the page together. */

import { connectDialog } from "./connect.js";
import { conversation } from "./conversation/conversation.js";
import { $, button, h, icon } from "./dom.js";
import { Fleet } from "./fleet.js";
import { Guide } from "./guide.js";
import { station } from "./station/station.js";
import { store } from "./store.js";
import { toast } from "./toast.js";
import { top } from "./top.js";
import { openMessage, openRaw, openScript, workbench } from "./workbench/workbench.js";

const PLACES = [
  ["station", "Station", "station"],
  ["conversation", "Messages", "messages"],
  ["workbench", "Workbench", "script"],
  ["fleet", "All", "grid"],
];

/* On a phone one part is seen at a time; `fleet` takes the place of all others everywhere. */
function goTo(place) {
  for (const section of document.querySelectorAll("main > section")) {
    section.toggleAttribute("data-place", section.id === place);
    section.hidden = (section.id === "fleet") !== (place === "fleet");
  }
  for (const one of $("#places").children) one.setAttribute("aria-current", String(one.dataset.place === place));
  $("#all").setAttribute("aria-pressed", String(place === "fleet"));
  if (place === "fleet") store.tell("points"); // it draws only what is seen
}

$("#places").append(
  ...PLACES.map(([place, text, picture]) => h("button", { type: "button", dataset: { place }, onclick: () => goTo(place) }, icon(picture), text)),
);

const guide = new Guide();
const shown = (place, act) => (...given) => {
  if (getComputedStyle($("#places")).display !== "none") goTo(place);
  act(...given);
};
const bench = {
  openScript: shown("workbench", (...given) => {
    guide.did("script");
    openScript(...given);
  }),
  openMessage: shown("workbench", openMessage),
  openRaw: shown("workbench", openRaw),
};

top(() => goTo($("#fleet").hidden ? "fleet" : "station"));
station($("#station"), (act) => guide.did(act));
$("#station .body").prepend(guide.element);
conversation($("#conversation"), bench);
workbench($("#workbench"));
new Fleet($("#fleet"), (name) => {
  store.choose(name);
  goTo("station");
});
$("#conversation").addEventListener("click", (event) => event.target.closest("button.line") && guide.did("open"));
store.on("error", ({ message }) => toast(message.split("\n")[0], { kind: "bad", hint: "The server's log has more." }));
goTo("station");

await store.start();

// the address of the page may say which charge point is wanted
const wanted = new URLSearchParams(location.search);
const name = wanted.get("cp");
const url = wanted.get("connectTemplate");
if (name && store.points.has(name)) store.choose(name);
else if (name || url) connectDialog({ name: name ?? undefined, url: url ?? undefined }, (made) => store.choose(made));
else if (!store.points.size) welcome();

/* There is nothing yet: say what to do first. */
function welcome() {
  const dialog = h(
    "dialog",
    { "aria-label": "Welcome", onclose: () => dialog.remove() },
    h("h2", {}, "Welcome"),
    h("p", {}, "ocppsim is a charge point in your browser. Connect one to your CSMS, or to the small one inside, and drive it by hand or by script."),
    h(
      "div",
      { class: "buttons end" },
      button("Try it with the CSMS inside", () => open({ url: "" })),
      button("Connect to my CSMS", () => open({}), { class: "primary" }),
    ),
  );
  const open = (given) => {
    dialog.close();
    connectDialog(given, (made) => store.choose(made));
  };
  document.body.append(dialog);
  dialog.showModal();
}
