// The log pane: follows a log that still grows, searches it, jumps from error
// to error. At most 5,000 lines are kept on the page; the rest is a download.
import htmx from "htmx.org/dist/htmx.esm.js";

const most = 5000;
const trouble = /\b(error|exception|traceback|fatal|killed|panic)\b/i;
// CSI and OSC sequences, other escapes, and control characters but tab.
const escapes = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]/g;

function lineOf(text) {
  const el = document.createElement("span");
  el.className = trouble.test(text) ? "line line-trouble" : "line";
  el.textContent = text.replace(escapes, "") + "\n";
  return el;
}

class Pane {
  constructor(root) {
    this.root = root;
    this.lines = root.querySelector("[data-log-lines]");
    this.search = root.querySelector("[data-log-search]");
    this.count = root.querySelector("[data-log-count]");
    this.tail = root.querySelector("[data-log-tail]");
    this.rest = "";
    this.at = -1;
    this.search?.addEventListener("input", () => this.filter());
    root.querySelector("[data-log-jump]")?.addEventListener("click", () => this.jump());
    this.bottom();
    if (root.dataset.follow) this.follow();
  }

  following() {
    return this.tail?.checked ?? true;
  }

  bottom() {
    this.lines.scrollTop = this.lines.scrollHeight;
  }

  add(text) {
    const parts = (this.rest + text).split("\n");
    this.rest = parts.pop();
    if (parts.length > most) parts.splice(0, parts.length - most);
    const all = document.createDocumentFragment();
    for (const part of parts) all.append(lineOf(part));
    this.root.querySelector("[data-log-empty]")?.remove();
    this.lines.append(all);
    while (this.lines.childElementCount > most) this.lines.firstElementChild.remove();
    if (this.search?.value) this.filter();
    if (this.following()) this.bottom();
  }

  async follow() {
    this.stop = new AbortController();
    const watch = new MutationObserver(() => this.root.isConnected || (this.stop.abort(), watch.disconnect()));
    watch.observe(document.body, { childList: true, subtree: true });
    try {
      const answer = await fetch(this.root.dataset.follow, { signal: this.stop.signal });
      if (!answer.ok) return;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        this.add(value);
      }
      if (this.rest) this.add("\n");
      // The attempt has ended: what is around the log can be shown as it ended.
      const around = this.root.closest("[hx-get]");
      if (around) setTimeout(() => htmx.trigger(around, "bine:change"), 400);
    } catch {
      // Left the page, or the connection was lost: a reload shows the rest.
    }
  }

  filter() {
    const wanted = this.search.value.toLowerCase();
    let found = 0;
    for (const line of this.lines.children) {
      const hit = !wanted || line.textContent.toLowerCase().includes(wanted);
      line.hidden = !hit;
      if (hit) found++;
    }
    this.count.textContent = wanted ? `${found} lines` : "";
  }

  jump() {
    const all = this.lines.querySelectorAll(".line-trouble:not([hidden])");
    if (!all.length) {
      this.count.textContent = "no errors found";
      return;
    }
    if (this.tail) this.tail.checked = false;
    this.lines.querySelector(".line-here")?.classList.remove("line-here");
    this.at = (this.at + 1) % all.length;
    all[this.at].classList.add("line-here");
    all[this.at].scrollIntoView({ block: "center" });
    this.count.textContent = `${this.at + 1} of ${all.length}`;
  }
}

export function startLogs() {
  for (const root of document.querySelectorAll("[data-log]:not([data-started])")) {
    root.dataset.started = "";
    new Pane(root);
  }
}
