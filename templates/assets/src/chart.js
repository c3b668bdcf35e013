// Draws the table of a metric as a curve. The table stays: it is the chart's
// other form.
import uPlot from "uplot";

function colour(name) {
  // The values depend on the theme (light-dark()), which a canvas cannot resolve.
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`;
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function draw(box) {
  const rows = [...document.getElementById(box.dataset.chart).querySelectorAll("tbody tr")];
  const xs = rows.map((r) => Number(r.dataset.x));
  const ys = rows.map((r) => Number(r.dataset.y));
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") } };
  const plot = new uPlot(
    {
      width: box.clientWidth,
      height: 200,
      scales: { x: { time: false } },
      axes: [axis, axis],
      series: [{ label: "step" }, { label: box.dataset.name, stroke: colour("--accent"), width: 2, points: { show: rows.length < 40 } }],
    },
    [xs, ys],
    box,
  );
  new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: 200 })).observe(box);
}

export function startCharts() {
  for (const box of document.querySelectorAll("[data-chart]:not([data-started])")) {
    box.dataset.started = "";
    draw(box);
  }
}
