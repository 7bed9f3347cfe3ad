// Draw the parts of the page, and connect them.

const data = JSON.parse(document.getElementById("data").textContent);
const within = (id, name) => document.querySelector(`#${id} ${name}`);
const slider = document.getElementById("slider");

function choose(generation) {
  slider.value = generation;
  slider.dispatchEvent(new Event("input"));
}

const curves = new LineCharts(within("curves", ".charts"), data.curves, { choose });
const species = new SpeciesChart(within("species", ".wide"), data.species, choose);
const drawing = new NetworkDrawing(within("network", ".drawing"), data.network);

function showGeneration() {
  const { champions, last, leftOut } = data.network;
  const ofRun = champions[champions.length - 1];
  const generation = Number(slider.value);
  const shown = generation > last ? ofRun : champions.slice(0, -1).findLast((champion) => champion.generation <= generation);
  drawing.show(shown);
  const marker = shown === ofRun ? null : generation;
  curves.choose(marker);
  species.choose(marker);
  const size = `${shown.connections.filter((gene) => gene[2]).length} enabled connections, fitness ${formatNumber(shown.fitness)}`;
  const which = shown === ofRun ? "The run's champion" : `Generation ${generation}` + (shown.generation < generation ? (leftOut ? `, showing that of ${shown.generation}` : `, champion since ${shown.generation}`) : "");
  document.getElementById("shown").textContent = `${which}: ${size}`;
}

slider.max = data.network.last + 1;
slider.value = slider.max;
slider.disabled = data.network.champions.length === 1;
slider.addEventListener("input", showGeneration);
showGeneration();
if (data.network.leftOut > 0) {
  const text = `${data.network.champions.length - 1} champions are shown; ${data.network.leftOut} changes between them are left out to keep this file small.`;
  make(document.getElementById("network"), "p", { class: "hint" }, text);
}

const behaviour = data.behaviour || {};
if (behaviour.episode) {
  const { x, unit, nodes, charts } = behaviour.episode;
  const plots = within("behaviour", ".plots");
  make(plots, "p", { class: "hint" }, "Values of the nodes over time: blue is positive, red negative; the darker, the nearer to the node's greatest absolute value.");
  const place = make(plots, "div");
  const lines = new LineCharts(make(plots, "div", { class: "charts" }), { x, charts }, { labels: [unit], height: 130 });
  drawHeatmap(place, x, nodes, unit, (value) => lines.point(value));
}
if (behaviour.residuals) {
  const plots = make(within("behaviour", ".plots"), "div", { class: "columns" });
  const groups = behaviour.residuals;
  const describe = (target, prediction) => [`target ${formatNumber(target)}`, `prediction ${formatNumber(prediction)}`];
  drawPoints(plots, "Predictions", groups, ["target", "prediction"], { diagonal: true, describe });
  const errors = groups.map(([name, targets, predictions]) => [name, targets, predictions.map((value, k) => value - targets[k])]);
  const describeError = (target, error) => [`target ${formatNumber(target)}`, `residual ${formatNumber(error)}`];
  drawPoints(plots, "Residuals", errors, ["target", "prediction − target"], { describe: describeError });
}
if (data.ancestry) new LineCharts(within("ancestry", ".wide"), data.ancestry, { labels: ["generation"], height: 120, choose });

// Parts without content are left out.
for (const section of document.querySelectorAll("#behaviour, #ancestry")) {
  if (!section.querySelector("p, table, figure")) section.remove();
}
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".node, .connection")) tooltip.hide();
});
