// Keeps "3 min ago" true and running durations counting, and shows the
// reader's own time zone where the pointer rests.
const units = [["day", 86400], ["hour", 3600], ["min", 60]];

function ago(seconds) {
  if (seconds < 5) return "just now";
  for (const [name, size] of units) {
    const n = Math.floor(seconds / size);
    if (n >= 1) return `${n} ${name}${n > 1 && name !== "min" ? "s" : ""} ago`;
  }
  return `${Math.floor(seconds)} s ago`;
}

function length(seconds) {
  if (seconds < 60) return `${seconds.toFixed(0)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${Math.floor(seconds % 60)}s`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

function update() {
  const now = Date.now();
  for (const el of document.querySelectorAll("time[data-ago]")) {
    el.textContent = ago(Math.max(0, (now - Date.parse(el.dateTime)) / 1000));
  }
  for (const el of document.querySelectorAll("[data-since]")) {
    el.textContent = length(Math.max(0, (now - Date.parse(el.dataset.since)) / 1000));
  }
}

let timer;

export function startTimes() {
  for (const el of document.querySelectorAll("time[datetime]:not([data-local])")) {
    el.dataset.local = "";
    el.title = new Date(el.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
  }
  timer ??= setInterval(update, 1000);
}
