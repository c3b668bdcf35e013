// Uploads by dropping files and folders on the page, or by choosing them. Three
// go at a time. What is larger than a part comes in parts: when the connection, the
// server or this page is lost, the same file goes on where it was. The panel is in
// the page; without this script its form sends files as any form does.
import htmx from "htmx.org/dist/htmx.esm.js";

const together = 3;
const part = 8 << 20; // bytes
const tries = 8;
const listed = 200; // entries of the panel

const states = { waiting: "waiting", asking: "is there already", going: "uploading", pausing: "connection lost, trying again", done: "done", failed: "failed", skipped: "left out", cancelled: "cancelled" };

let panel;
let api;
let items = [];
let choice = null; // for all that are there already
let asked = null; // the item that is asked about

const over = (item) => ["done", "skipped", "cancelled"].includes(item.state);

class Failure extends Error {
  constructor(message, kind, lost) {
    super(message);
    this.kind = kind;
    this.lost = lost; // trying again may help
  }
}

// send makes one request and tells how much of its body is sent.
function send(item, method, url, body, sent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    item.request = request;
    request.open(method, url);
    request.setRequestHeader("Content-Type", body instanceof Blob ? "application/octet-stream" : "application/json");
    if (sent) request.upload.addEventListener("progress", (event) => sent(event.loaded));
    request.addEventListener("load", () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText || "{}");
      } catch {
        // An answer that is no JSON is one of a proxy: its status says enough.
      }
      if (request.status < 300) return resolve(answer);
      const lost = request.status === 429 || request.status >= 502 && request.status <= 504;
      reject(new Failure(advice(request.status, answer), answer.kind, lost));
    });
    request.addEventListener("error", () => reject(new Failure("The connection was lost. Try again: it goes on where it was.", "", true)));
    request.addEventListener("abort", () => reject(new Failure("", "cancelled", false)));
    request.send(body);
  });
}

// advice says what is wrong and what to do about it.
function advice(status, answer) {
  const said = answer.detail || answer.title || `The server answered ${status}.`;
  switch (status) {
    case 401: return "You are no longer signed in. Sign in in another tab, then try again.";
    case 403: return `${said} Upload to Resources or Jupyter, or ask a Data Owner.`;
    case 413: return `${said} Use bine fs put for it.`;
    case 507: return `${said} Remove something, empty the trash, or ask for more space.`;
  }
  return said;
}

const encoded = (path) => path.split("/").map(encodeURIComponent).join("/");

// upload sends one file. What is there already makes it ask.
async function upload(item) {
  if (item.file.size > part) return inParts(item);
  const query = `overwrite=${item.overwrite}&parents=true`;
  await send(item, "PUT", `${api}/files/${encoded(item.path)}?${query}`, item.file, (n) => progress(item, n));
}

async function inParts(item) {
  const key = `size=${item.file.size}&tag=${item.file.lastModified}`;
  const url = `${api}/uploads/${encoded(item.path)}?${key}`;
  const begun = await send(item, "GET", url, null);
  if (begun.exists && !item.overwrite) throw new Failure("", "conflict", false);
  item.resumed = item.resumed || begun.offset > 0;
  let offset = begun.offset;
  while (offset < item.file.size) {
    progress(item, offset);
    const from = offset;
    const answer = await send(item, "PATCH", `${url}&offset=${from}`, item.file.slice(from, from + part), (n) => progress(item, from + n));
    offset = answer.offset;
    item.tries = 0; // it gets on
  }
  progress(item, item.file.size);
  await send(item, "POST", url, JSON.stringify({ overwrite: item.overwrite, parents: true }));
}

function progress(item, n) {
  item.sent = n;
  draw(item);
}

async function run(item) {
  set(item, "going");
  try {
    await upload(item);
    set(item, "done");
  } catch (failure) {
    if (item.state === "cancelled") return;
    if (failure.kind === "conflict" && !item.overwrite) {
      set(item, "asking");
      ask();
    } else if (failure.lost && ++item.tries < tries) {
      set(item, "pausing");
      item.timer = setTimeout(() => item.state === "pausing" && (set(item, "waiting"), work()), Math.min(500 * 2 ** item.tries, 15000));
    } else {
      item.why = failure.message || String(failure);
      set(item, "failed");
    }
  } finally {
    item.request = null;
    work();
  }
}

// work starts what waits, and shows the new files when all is done.
function work() {
  let going = items.filter((i) => i.state === "going").length;
  for (const item of items) {
    if (going >= together) break;
    if (item.state !== "waiting") continue;
    going++;
    run(item);
  }
  if (going === 0 && items.some((i) => i.fresh && over(i))) {
    for (const item of items) item.fresh = item.fresh && !over(item);
    htmx.trigger(document.body, "bine:files");
  }
  sum();
}

// ask asks what becomes of the next file that is there already.
function ask() {
  const box = panel.querySelector("[data-uploads-ask]");
  if (asked && asked.state !== "asking") asked = null;
  asked = asked || items.find((i) => i.state === "asking");
  if (!asked) {
    box.hidden = true;
    return;
  }
  if (choice) {
    answer(choice);
    return;
  }
  const was = box.hidden;
  panel.querySelector("[data-uploads-question]").textContent = `${asked.path} is there already.`;
  box.hidden = false;
  if (was) box.querySelector("button").focus();
}

function answer(what) {
  const item = asked;
  asked = null;
  if (item) {
    if (what === "skip") set(item, "skipped");
    if (what === "replace") item.overwrite = true;
    if (what === "keep") item.path = another(item);
    if (what !== "skip") set(item, "waiting");
  }
  work();
  ask();
}

// another gives the next name beside one that is taken.
function another(item) {
  item.copy = (item.copy || 1) + 1;
  const cut = item.wanted.lastIndexOf("/") + 1;
  const name = item.wanted.slice(cut);
  const dot = name.lastIndexOf(".");
  const end = dot > 0 ? dot : name.length;
  return `${item.wanted.slice(0, cut)}${name.slice(0, end)} (${item.copy})${name.slice(end)}`;
}

function set(item, state) {
  item.state = state;
  draw(item);
  sum();
}

function cancel(item) {
  const begun = item.file.size > part && item.sent > 0;
  clearTimeout(item.timer);
  set(item, "cancelled");
  item.request?.abort();
  if (begun) fetch(`${api}/uploads/${encoded(item.path)}?size=${item.file.size}&tag=${item.file.lastModified}`, { method: "DELETE" }).catch(() => {});
  work();
  ask();
}

function again(item) {
  item.tries = 0;
  set(item, "waiting");
  work();
}

function el(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  e.append(...children);
  return e;
}

function row(item) {
  const name = el("span", { class: "upload-name mono" }, item.path);
  const bar = el("progress", { max: "100", value: "0", "aria-label": `Progress of ${item.path}` });
  const said = el("span", { class: "upload-state small muted" });
  const stop = el("button", { type: "button", class: "plain", "aria-label": `Cancel ${item.path}` }, "Cancel");
  const retry = el("button", { type: "button", "aria-label": `Try ${item.path} again` }, "Try again");
  stop.addEventListener("click", () => cancel(item));
  retry.addEventListener("click", () => again(item));
  item.parts = { name, bar, said, stop, retry };
  item.row = el("li", { "data-upload": item.path }, name, el("span", { class: "actions" }, retry, stop), bar, said);
  return item.row;
}

function draw(item) {
  if (!item.row) return;
  const { name, bar, said, stop, retry } = item.parts;
  const of = item.file.size ? Math.floor(100 * item.sent / item.file.size) : 100;
  if (name.textContent !== item.path) name.textContent = item.path;
  bar.value = item.state === "done" ? 100 : of;
  bar.hidden = !["going", "pausing"].includes(item.state);
  let text = item.state === "going" ? `${of} %${item.resumed ? ", went on where it was" : ""}` : states[item.state];
  if (item.state === "failed") text = item.why;
  if (item.state === "done" && item.resumed) text = "done, went on where it was";
  said.textContent = text;
  said.classList.toggle("is-bad", item.state === "failed");
  stop.hidden = over(item) || item.state === "failed";
  retry.hidden = item.state !== "failed";
  item.row.dataset.state = item.state;
}

function sum() {
  const done = items.filter((i) => i.state === "done").length;
  const failed = items.filter((i) => i.state === "failed").length;
  const left = items.filter((i) => !over(i) && i.state !== "failed").length;
  const words = [`${done} of ${items.length} done`];
  if (failed) words.push(`${failed} failed`);
  const text = words.join(", ");
  const count = panel.querySelector("[data-uploads-count]");
  if (count.textContent !== text) count.textContent = text;
  panel.querySelector("[data-uploads-close]").hidden = left > 0;
}

// add takes files with their paths below the directory of the page.
function add(files) {
  if (!files.length) return;
  if (!items.some((i) => !over(i))) {
    items = [];
    choice = null;
    panel.querySelector("[data-uploads-all]").checked = false;
    panel.querySelector("[data-uploads-list]").replaceChildren();
  }
  panel.hidden = false;
  const list = panel.querySelector("[data-uploads-list]");
  const dir = panel.dataset.dir ? `${panel.dataset.dir}/` : "";
  for (const { file, path } of files) {
    const item = { file, path: dir + path, wanted: dir + path, state: "waiting", sent: 0, tries: 0, overwrite: false, fresh: true };
    items.push(item);
    if (list.childElementCount < listed) {
      list.append(row(item));
      draw(item);
    }
  }
  work();
}

// below gives all files of what was dropped, with their paths.
async function below(entry, path) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: path + entry.name }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return found;
    for (const e of entries) found.push(...(await below(e, `${path}${entry.name}/`)));
  }
}

async function dropped(data) {
  const entries = [...data.items].filter((i) => i.kind === "file").map((i) => i.webkitGetAsEntry?.() ?? i.getAsFile());
  const files = [];
  for (const e of entries) {
    if (!e) continue;
    if (e instanceof File) files.push({ file: e, path: e.name });
    else files.push(...(await below(e, "")));
  }
  add(files);
}

function onDrag() {
  const here = document.querySelector("[data-drop-here]");
  const files = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  let depth = 0;
  const end = () => {
    depth = 0;
    here.hidden = true;
  };
  document.addEventListener("dragenter", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    depth++;
    here.hidden = false;
  });
  document.addEventListener("dragover", (event) => {
    if (files(event)) event.preventDefault();
  });
  document.addEventListener("dragleave", (event) => {
    if (files(event) && --depth <= 0) end();
  });
  document.addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    end();
    dropped(event.dataTransfer);
  });
}

export function startUploads() {
  const found = document.querySelector("[data-uploads]:not([data-started])");
  if (!found) return;
  panel = found;
  panel.dataset.started = "";
  api = panel.dataset.api;
  for (const e of document.querySelectorAll("[data-with-scripts]")) e.hidden = false;
  for (const e of document.querySelectorAll("[data-without-scripts]")) e.hidden = true;
  for (const field of document.querySelectorAll("[data-upload-files]")) {
    field.addEventListener("change", () => {
      add([...field.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      field.value = "";
      field.closest("details").open = false;
    });
  }
  panel.addEventListener("click", (event) => {
    const what = event.target.closest("[data-uploads-choose]")?.dataset.uploadsChoose;
    if (what) {
      if (panel.querySelector("[data-uploads-all]").checked) choice = what;
      answer(what);
    }
    if (event.target.closest("[data-uploads-close]")) panel.hidden = true;
  });
  addEventListener("beforeunload", (event) => {
    if (items.some((i) => ["going", "waiting", "pausing"].includes(i.state))) event.preventDefault();
  });
  onDrag();
}
