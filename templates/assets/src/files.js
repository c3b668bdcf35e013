// The list of a directory: what is selected, renaming in place, and the keys.
// Everything is in the page's forms; this only makes them quicker to use.
import htmx from "htmx.org/dist/htmx.esm.js";

const rowsOf = (table) => [...table.querySelectorAll("tbody tr[data-path]")];
const boxOf = (row) => row?.querySelector('input[name="path"]');
const table = () => document.querySelector("table[data-files]");

let anchor = null; // where a range begins

// show says how much is selected, and marks the rows.
function show() {
  const list = table();
  const bar = document.querySelector("[data-selection]");
  if (!list || !bar) return;
  const boxes = [...list.querySelectorAll('input[name="path"]')];
  const chosen = boxes.filter((b) => b.checked).length;
  for (const box of boxes) box.closest("tr").classList.toggle("is-selected", box.checked);
  bar.classList.toggle("is-active", chosen > 0);
  const said = chosen === 0 ? "Nothing is selected" : `${chosen} selected`;
  const count = bar.querySelector("[data-selection-count]");
  if (count.textContent !== said) count.textContent = said;
  const all = list.querySelector("[data-pick-all]");
  if (all) {
    all.checked = chosen > 0 && chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }
}

function pick(row, on) {
  const box = boxOf(row);
  if (box) box.checked = on;
}

// range selects from the anchor to a row.
function range(list, row, on) {
  const rows = rowsOf(list);
  const from = Math.max(0, rows.indexOf(anchor));
  const to = rows.indexOf(row);
  for (const r of rows.slice(Math.min(from, to), Math.max(from, to) + 1)) pick(r, on);
}

function clear() {
  for (const box of document.querySelectorAll('table[data-files] input[name="path"]:checked')) box.checked = false;
  anchor = null;
  show();
}

function onClick(event) {
  const box = event.target.closest('table[data-files] input[name="path"]');
  if (box) {
    const row = box.closest("tr");
    if (event.shiftKey && anchor?.isConnected) range(row.closest("table"), row, box.checked);
    anchor = row;
    show();
    return;
  }
  if (event.target.closest("[data-clear]")) {
    event.preventDefault();
    clear();
    return;
  }
  const rename = event.target.closest("[data-rename]");
  if (rename) {
    startRename(rename.closest("tr"));
    return;
  }
  // Clicks on a row beside its links and buttons select it, as one is used to.
  const row = event.target.closest("table[data-files] tbody tr[data-path]");
  if (!row || !boxOf(row) || event.target.closest("a, button, input, form, details") || String(getSelection())) return;
  if (event.shiftKey && anchor?.isConnected) range(row.closest("table"), row, true);
  else pick(row, !boxOf(row).checked);
  if (!event.shiftKey) anchor = row;
  show();
}

// startRename puts a field in the place of a name. Enter renames, Escape does not.
function startRename(row) {
  const button = row?.querySelector("[data-rename]");
  const link = row?.querySelector("a.name");
  if (!button || !link || row.querySelector(".rename")) return;
  const was = row.dataset.path.split("/").pop();
  const form = document.createElement("form");
  form.className = "rename";
  form.setAttribute("hx-post", button.dataset.rename);
  form.setAttribute("hx-target", "find .answer");
  form.setAttribute("hx-swap", "innerHTML");
  const field = document.createElement("input");
  field.name = "name";
  field.value = was;
  field.required = true;
  field.autocomplete = "off";
  field.setAttribute("aria-label", `New name of ${was}`);
  const answer = document.createElement("div");
  answer.className = "answer";
  answer.setAttribute("role", "alert");
  form.append(field, answer);
  const end = (focus) => {
    form.remove();
    link.hidden = false;
    if (focus) link.focus();
  };
  form.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") end(true);
  });
  form.addEventListener("submit", (event) => {
    if (field.value.trim() !== was) return;
    event.preventDefault();
    event.stopPropagation();
    end(true);
  }, true);
  field.addEventListener("blur", () => setTimeout(() => {
    if (form.isConnected && !form.contains(document.activeElement) && !answer.textContent.trim()) end(false);
  }, 200));
  link.hidden = true;
  link.after(form);
  htmx.process(form);
  field.focus();
  const dot = was.lastIndexOf(".");
  field.setSelectionRange(0, dot > 0 ? dot : was.length);
}

function press(action) {
  document.querySelector(`[data-selection] [data-do="${action}"]`)?.click();
}

// onKey walks over the rows and acts on them. It leaves keys alone that are meant
// for a field.
function onKey(event) {
  const list = table();
  const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable], dialog, .menu-box");
  if (!list || typing) return;
  const row = event.target.closest?.("tr[data-path]");
  const any = list.querySelector('input[name="path"]:checked');
  switch (event.key) {
    case "ArrowDown":
    case "ArrowUp": {
      if (!row) return;
      const rows = rowsOf(list);
      const next = rows[rows.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)];
      if (!next) return;
      event.preventDefault();
      if (event.shiftKey) {
        anchor = anchor?.isConnected ? anchor : row;
        pick(row, true);
        range(list, next, true);
        show();
      }
      next.querySelector("a.name")?.focus();
      return;
    }
    case " ":
      if (!row || !event.target.matches("a.name")) return;
      event.preventDefault();
      pick(row, !boxOf(row)?.checked);
      anchor = row;
      show();
      return;
    case "a":
      if (!(event.ctrlKey || event.metaKey) || !(row || any)) return;
      event.preventDefault();
      for (const r of rowsOf(list)) pick(r, true);
      show();
      return;
    case "Delete":
      if (any && row) press("remove-all");
      return;
    case "F2":
      if (!row) return;
      event.preventDefault();
      startRename(row);
      return;
    case "Escape":
      if (any && !document.querySelector("details[data-menu][open]")) clear();
  }
}

let started = false;

export function startFiles() {
  for (const button of document.querySelectorAll("[data-rename][hidden]")) button.hidden = false;
  show();
  if (started) return;
  started = true;
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  document.addEventListener("change", (event) => {
    if (!event.target.matches?.("[data-pick-all]")) return;
    for (const row of rowsOf(event.target.closest("table"))) pick(row, event.target.checked);
    show();
  });
  // The browser keeps what was checked when it goes back to a page.
  addEventListener("pageshow", show);
}
