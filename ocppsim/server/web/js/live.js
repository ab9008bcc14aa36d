/* The events of the server, one stream for the page; it goes on after a break where it was. */

const HIDDEN = 20_000; // ms after which a page that nobody sees lets its connection go

/* Calls `heard(kind, data)` for each event, `changed(state)` with "live", "waiting" or "lost". last: the
   id of the event after which to begin. */
export class Live {
  constructor(heard, changed, last) {
    this.heard = heard;
    this.changed = changed;
    this.last = last;
    this.source = null;
    this.timer = 0;
    this.tries = 0;
    document.addEventListener("visibilitychange", () => this.seen());
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    const source = (this.source = new EventSource(`/events${this.last ? `?after=${this.last}` : ""}`));
    source.onopen = () => {
      this.tries = 0;
      this.changed("live");
    };
    for (const kind of ["frame", "state", "log", "error", "output", "script", "gap"]) {
      source.addEventListener(kind, (event) => {
        if (!event.data) return; // a fault of the connection is an event "error" too
        this.last = event.lastEventId;
        this.heard(kind, JSON.parse(event.data));
      });
    }
    source.onerror = (event) => {
      if (event.data) return;
      this.changed("lost");
      // the id that the browser would send is older than ours after a page came back
      source.close();
      this.timer = setTimeout(() => this.open(), Math.min(500 * 2 ** this.tries++, 5000));
    };
    return this;
  }

  /* A browser has six connections to a server, for all of its tabs. */
  seen() {
    clearTimeout(this.timer);
    if (document.hidden) {
      this.timer = setTimeout(() => {
        this.source?.close();
        this.changed("waiting");
      }, HIDDEN);
    } else if (this.source?.readyState !== EventSource.OPEN) {
      this.open();
    }
  }
}
