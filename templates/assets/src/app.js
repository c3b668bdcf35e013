// What the pages do beyond HTML. Every part finds its elements by data-
// attributes and leaves a page usable that it never runs on.
import "htmx.org/dist/htmx.esm.js";
import { startCopy } from "./copy.js";
import { startFiles } from "./files.js";
import { startForms } from "./forms.js";
import { startGraph } from "./graph.js";
import { startLive } from "./live.js";
import { startLogs } from "./log.js";
import { startTheme } from "./toggle.js";
import { startTimes } from "./time.js";

// init brings what is new on the page to life; what already is, it leaves.
function init() {
  startLogs();
  startTimes();
  startGraph();
  if (document.querySelector("[data-files], [data-selection]")) startFiles();
  if (document.querySelector("[data-uploads]")) import("./upload.js").then((m) => m.startUploads());
  if (document.querySelector("[data-editor]")) import("./editor.js").then((m) => m.startEditors());
  if (document.querySelector("[data-chart]")) import("./chart.js").then((m) => m.startCharts());
}

startTheme();
startCopy();
startForms();
startLive();
init();
document.addEventListener("htmx:after:process", init);
