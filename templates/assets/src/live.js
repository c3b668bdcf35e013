// The one stream of a page. The body names it in data-live; whatever changes,
// the elements marked data-live-part ask the server for themselves again (their
// hx-trigger is bine:change), at most twice a second.
import htmx from "htmx.org/dist/htmx.esm.js";

const pause = 500; // ms between refreshes
const longestWait = 15000; // ms between attempts to connect again

let due = false;
let last = 0;

function refresh() {
  if (due) return;
  due = true;
  setTimeout(() => {
    due = false;
    last = performance.now();
    for (const el of document.querySelectorAll("[data-live-part]")) htmx.trigger(el, "bine:change");
  }, Math.max(0, last + pause - performance.now()));
}

async function listen(url, state) {
  const headers = { Accept: "text/event-stream" };
  if (state.last) headers["Last-Event-ID"] = state.last;
  const answer = await fetch(url, { headers });
  if (answer.status >= 400 && answer.status < 500) return "refused"; // asking again would not help
  if (!answer.ok) throw new Error(answer.statusText);
  state.wait = 1000;
  show(true);
  refresh(); // what changed before the stream stood is not in it
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("id:")) state.last = line.slice(3).trim();
      if (line.startsWith("data:")) refresh();
    }
  }
}

function show(connected) {
  for (const el of document.querySelectorAll("[data-live-state]")) el.hidden = connected;
}

export async function startLive() {
  const url = document.body.dataset.live;
  if (!url) return;
  const state = { last: "", wait: 1000 };
  for (;;) {
    try {
      if ((await listen(url, state)) === "refused") return;
    } catch {
      // The server restarts or the network is away: shown, and tried again.
    }
    show(false);
    await new Promise((done) => setTimeout(done, state.wait));
    state.wait = Math.min(state.wait * 2, longestWait);
  }
}
