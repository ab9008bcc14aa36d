/* Security of the connection: its profile, TLS, and the certificates. */

import { at, get } from "../api.js";
import { button, h, icon, refill, save } from "../dom.js";
import { store } from "../store.js";
import { copied } from "../toast.js";

const PROFILES = [
  ["0: no security", "Plain WebSocket, without a password."],
  ["1: password", "Plain WebSocket, HTTP Basic authentication. For trusted networks only."],
  ["2: TLS with password", "The CSMS shows a certificate, the charge point a password."],
  ["3: TLS with certificates", "The CSMS and the charge point both show a certificate."],
];
const USES = {
  own: "Its own",
  issuer: "Issuer of its own",
  given: "Trusted, from a file",
  installed: "Trusted, installed",
  CSMS: "Of the CSMS",
};
const DAY = 86_400_000;
const SOON = 30; // days
const MOST = 20; // cards of a long list
const date = new Intl.DateTimeFormat([], { dateStyle: "medium" });

/* The common name of a subject (RFC 4514), or all of it. */
const nameOf = (subject) => /(?:^|,)CN=((?:\\.|[^,\\])+)/.exec(subject)?.[1].replace(/\\(.)/g, "$1") ?? subject;

export class CertificatesPane {
  constructor(panel) {
    this.security = h("div", {});
    this.list = h("div", { class: "stack" });
    panel.append(this.security, this.list);
    store.on("chosen", () => this.look());
    store.on("point", () => this.changed());
  }

  opened() {
    this.look();
  }

  changed() {
    const state = `${store.chosen} ${store.point?.since} ${store.point?.connected} ${store.point?.url}`;
    if (state === this.asked || this.list.offsetParent === null) return;
    this.asked = state;
    this.look();
  }

  async look() {
    const name = store.chosen;
    if (!name) return;
    try {
      const found = await get(at(name, "/certificates"));
      if (name === store.chosen) this.draw(found);
    } catch (error) {
      refill(this.security);
      refill(this.list, h("p", { class: "note bad" }, error.what ?? error.message));
    }
  }

  draw({ own, trusted, system, checked, problems, tls }) {
    const state = JSON.stringify([
      store.chosen,
      store.point?.security_profile,
      store.point?.url,
      own,
      trusted,
      system,
      checked,
      problems,
      tls,
    ]);
    if (state === this.state) return;
    this.state = state;
    this.drawSecurity(tls, checked);
    const group = (title, all, none) => [
      h("h3", { class: "section" }, title),
      all.length ? all.map((one) => card(one)) : h("p", { class: "note" }, none),
    ];
    refill(
      this.list,
      problems.map((text) => h("p", { class: "note bad" }, text)),
      tls ? group("Certificate of the CSMS", [tls.certificate], "") : null,
      group(
        "Its own certificates",
        own,
        "It has none. Security profile 3 needs one: give its file when you connect, or have the CSMS sign one (SignCertificate).",
      ),
      this.trusted(trusted, system),
    );
  }

  /* Those of a file, or of the system, may be many: they are found by search. */
  trusted(all, system) {
    const installed = all.filter(({ use }) => use === "installed");
    const given = all.filter(({ use }) => use !== "installed");
    const found = h("div", { class: "stack" });
    const search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search the trusted certificates" });
    const sift = () => {
      const wanted = search.value.trim().toLowerCase();
      const fits = given.filter(({ subject }) => subject.toLowerCase().includes(wanted));
      const more = fits.length > MOST ? h("p", { class: "faint" }, `and ${fits.length - MOST} more: search for them`) : null;
      refill(found, fits.slice(0, MOST).map(card), more, fits.length ? null : h("p", { class: "faint" }, "None is called so."));
    };
    search.addEventListener("input", sift);
    const count = `${given.length} certificate${given.length === 1 ? "" : "s"} ${system ? "of this system's trust store" : "of its CA file"}`;
    const few = given.length <= 3;
    if (!few) sift();
    return [
      h("h3", { class: "section" }, "Certificates that it trusts"),
      all.length
        ? null
        : h(
            "p",
            { class: "note" },
            system
              ? "Those of this system's trust store. InstallCertificate adds one; so does a CA file when you connect."
              : "None.",
          ),
      installed.map(card),
      few
        ? given.map(card)
        : h("details", { class: "many" }, h("summary", {}, count), h("div", { class: "stack" }, search, found)),
    ];
  }

  drawSecurity(tls, checked) {
    const { point } = store;
    const [title, text] = PROFILES[point?.security_profile] ?? ["not known", ""];
    const facts = [["Security profile", title]];
    if (tls) facts.push(["TLS", tls.version.replace(/^TLSv/, "")], ["Cipher", tls.cipher]);
    refill(
      this.security,
      h(
        "section",
        { class: "card security", "aria-label": "Security" },
        h(
          "dl",
          {},
          facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
        ),
        h("p", { class: "soft" }, tls && !(point?.security_profile >= 2) ? "The connection has TLS all the same." : text),
        !checked ? h("p", { class: "note bad" }, "The certificate of the CSMS is not checked: anybody may be the CSMS.") : null,
        !tls && point?.connected
          ? h(
              "p",
              { class: "note" },
              "This connection has no TLS. Connect to a URL that begins with wss:// to have it. ",
              h("a", { href: "/docs/how-to/tls.html", target: "_blank" }, "How to connect with TLS"),
            )
          : null,
      ),
    );
  }
}

function card({ use, subject, issuer, serialNumber, notBefore, notAfter, sha256, pem }) {
  const name = nameOf(subject);
  const colons = sha256.toUpperCase().replace(/(..)(?=.)/g, "$1:");
  const facts = [
    ["Subject", subject],
    ["Issuer", issuer === subject ? "itself" : issuer],
    ["Serial number", serialNumber],
    ["Fingerprint (SHA-256)", colons],
  ];
  const copy = () => copied(pem);
  return h(
    "section",
    { class: "card certificate", "aria-label": `Certificate of ${name}` },
    h("div", { class: "row" }, h("b", {}, name), validity(notBefore, notAfter)),
    h(
      "p",
      { class: "faint" },
      `${USES[use] ?? use} · ${date.format(Date.parse(notBefore))} to ${date.format(Date.parse(notAfter))}`,
    ),
    h(
      "details",
      {},
      h("summary", {}, "Details"),
      h(
        "dl",
        { class: "facts" },
        facts.map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", { class: "mono" }, value))),
      ),
      h("pre", { class: "pem" }, pem),
    ),
    h(
      "div",
      { class: "buttons" },
      button([icon("copy"), "Copy PEM"], copy, { class: "small" }),
      button([icon("export"), "Save PEM"], () => save(`${name.replace(/[^\w.-]+/g, "-")}.pem`, pem, "application/x-pem-file"), {
        class: "small",
      }),
    ),
  );
}

/* How long it holds, as a badge. */
function validity(notBefore, notAfter) {
  const now = Date.now();
  const days = Math.trunc((Date.parse(notAfter) - now) / DAY);
  if (now < Date.parse(notBefore)) return h("span", { class: "badge warn" }, "not valid yet");
  if (now > Date.parse(notAfter))
    return h("span", { class: "badge bad" }, days ? `expired ${-days} day${days === -1 ? "" : "s"} ago` : "expired today");
  const left = days > 730 ? `${Math.floor(days / 365)} years left` : `${days} day${days === 1 ? "" : "s"} left`;
  return h("span", { class: `badge ${days < SOON ? "warn" : "good"}` }, left);
}
