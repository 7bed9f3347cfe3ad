// Charts whose size follows the page. A chart redraws itself when its width changes.

const SVG = "http://www.w3.org/2000/svg";

function make(parent, tag, attributes = {}, text) {
  const element = parent.namespaceURI === SVG || tag === "svg" ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

function formatNumber(value) {
  if (value === null || value === undefined) return "none";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-4 || size >= 1e7) ? value.toExponential(3) : String(Number(value.toPrecision(5)));
  return text.replaceAll("-", "−");
}

const tooltip = {
  element: document.getElementById("tooltip"),
  show(event, title, lines) {
    this.element.replaceChildren();
    make(this.element, "b", {}, title);
    for (const line of lines) make(this.element, "div", {}, line);
    this.element.style.display = "block";
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const left = Math.min(event.clientX + 14, innerWidth - width - 6);
    const top = event.clientY + 18 + height > innerHeight ? event.clientY - height - 12 : event.clientY + 18;
    this.element.style.left = `${Math.max(6, left)}px`;
    this.element.style.top = `${Math.max(6, top)}px`;
  },
  hide() {
    this.element.style.display = "none";
  },
};

// Call `draw(width)` now and whenever the width of an element changes.
function drawForWidth(element, draw) {
  let last = 0;
  new ResizeObserver(() => {
    const width = Math.floor(element.clientWidth);
    if (width > 0 && width !== last) draw((last = width));
  }).observe(element);
}

// An SVG with axes: returns it with its scales. `labels` are the names of the axes.
function drawAxes(parent, width, height, xDomain, yDomain, labels = []) {
  const margin = { left: 46, right: 10, top: labels[1] ? 22 : 6, bottom: labels[0] ? 34 : 20 };
  const svg = make(parent, "svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, height });
  const x = d3.scaleLinear().domain(xDomain).range([margin.left, width - margin.right]);
  const y = d3.scaleLinear().domain(yDomain).range([height - margin.bottom, margin.top]);
  const format = (value) => (Math.abs(value) >= 1e4 ? d3.format("~s")(value) : formatNumber(value));
  const axis = (generator, ticks, place) =>
    d3.select(make(svg, "g", { class: "axis", transform: `translate(${place})` })).call(generator.ticks(ticks).tickSizeOuter(0).tickFormat(format));
  const steps = xDomain.every(Number.isInteger) ? xDomain[1] - xDomain[0] : 6; // no fractions of generations
  axis(d3.axisBottom(x), Math.min(6, width / 60, steps), [0, height - margin.bottom]);
  axis(d3.axisLeft(y), 4, [margin.left, 0]);
  if (labels[0]) make(svg, "text", { x: (margin.left + width) / 2, y: height - 4, "text-anchor": "middle" }, labels[0]);
  if (labels[1]) make(svg, "text", { x: 4, y: 12 }, labels[1]);
  const id = `clip${document.querySelectorAll("clipPath").length}`;
  make(make(svg, "clipPath", { id }), "rect", { x: margin.left, y: margin.top - 2, width: width - margin.left - margin.right, height: height - margin.top - margin.bottom + 4 });
  const rule = (name) => make(svg, "line", { class: name, y1: margin.top, y2: height - margin.bottom, visibility: "hidden" });
  const inside = make(svg, "g", { "clip-path": `url(#${id})` });
  return { svg, x, y, inside, cursor: rule("cursor"), chosen: rule("chosen") };
}

function placeRule(rule, x, value) {
  const [low, high] = x.domain();
  const visible = value !== null && value >= low && value <= high;
  rule.setAttribute("visibility", visible ? "visible" : "hidden");
  if (visible) for (const name of ["x1", "x2"]) rule.setAttribute(name, x(value));
}

// The value on the horizontal axis at the pointer.
function valueAt(axes, event) {
  const box = axes.svg.getBoundingClientRect();
  return axes.x.invert(((event.clientX - box.left) * axes.svg.viewBox.baseVal.width) / box.width);
}

function nearest(values, wanted) {
  const k = d3.bisectLeft(values, wanted);
  if (k === 0) return 0;
  return k === values.length || wanted - values[k - 1] < values[k] - wanted ? k - 1 : k;
}

function extent(values) {
  const [low, high] = d3.extent(values.filter((value) => value !== null));
  if (low === undefined) return [0, 1];
  const margin = 0.05 * (high - low) || Math.abs(high) * 0.1 || 1;
  return [low - margin, high + margin];
}

// The vertical domain of lines: values far below the others are cut off.
function cutDomain(all) {
  const sorted = all.filter((value) => value !== null).sort(d3.ascending);
  const [low, high] = extent(sorted);
  const usual = d3.quantile(sorted, 0.05);
  return usual !== undefined && usual - low > high - usual ? [usual - 0.08 * (high - usual), high] : [low, high];
}

// Line charts over the same x, whose cursors move together. `choose` is called with the x of a click.
class LineCharts {
  constructor(parent, { x, charts }, { labels = [], height = 160, choose } = {}) {
    this.x = x;
    this.chosen = null;
    this.parts = charts.map((chart) => this.add(parent, chart, labels, height, choose));
  }

  add(parent, { title, series }, labels, height, choose) {
    const figure = make(parent, "figure");
    const caption = make(figure, "figcaption");
    make(caption, "b", {}, title);
    const part = { values: [], series };
    series.forEach(([name], k) => {
      const entry = make(caption, "span");
      if (series.length > 1) {
        make(entry, "i", { style: `background: var(--series-${k})` });
        entry.append(`${name} `);
      }
      part.values.push(make(entry, "output"));
    });
    const place = make(figure, "div");
    const domain = cutDomain(series.flatMap(([, values]) => values));
    if (series.some(([, values]) => values.some((value) => value !== null && value < domain[0]))) {
      make(figure, "div", { class: "hint" }, `Values below ${formatNumber(domain[0])} are cut off.`);
    }
    drawForWidth(figure, (width) => {
      place.replaceChildren();
      const xDomain = this.x.length > 1 ? d3.extent(this.x) : [this.x[0] - 1, this.x[0] + 1];
      const axes = (part.axes = drawAxes(place, width, height, xDomain, domain, labels));
      // The first series lies on top.
      [...series.entries()].reverse().forEach(([k, [, values]]) => {
        const line = d3.line().defined((value) => value !== null).x((_, n) => axes.x(this.x[n])).y((value) => axes.y(value));
        make(axes.inside, "path", { class: "series", d: line(values) || "", style: `stroke: var(--series-${k})` });
        if (this.x.length === 1) make(axes.inside, "circle", { cx: axes.x(this.x[0]), cy: axes.y(values[0]), r: 3, style: `fill: var(--series-${k})` });
      });
      placeRule(axes.chosen, axes.x, this.chosen);
      axes.svg.addEventListener("pointermove", (event) => this.point(valueAt(axes, event)));
      axes.svg.addEventListener("pointerleave", () => this.point(null));
      if (choose) axes.svg.addEventListener("click", (event) => choose(this.x[nearest(this.x, valueAt(axes, event))]));
    });
    return part;
  }

  // Show the values at the x that is nearest to a value; null for none.
  point(value) {
    const k = value === null ? null : nearest(this.x, value);
    for (const part of this.parts) {
      if (part.axes) placeRule(part.axes.cursor, part.axes.x, k === null ? null : this.x[k]);
      part.series.forEach(([, values], n) => (part.values[n].textContent = k === null ? "" : formatNumber(values[k])));
    }
  }

  choose(value) {
    this.chosen = value;
    for (const part of this.parts) if (part.axes) placeRule(part.axes.chosen, part.axes.x, value);
  }
}

// The sizes of species, stacked in the order in which they were founded.
class SpeciesChart {
  constructor(parent, { x, series }, choose) {
    this.chosen = null;
    const floor = new Array(x.length).fill(0);
    const bands = series.map((species, k) => {
      const bottom = floor.slice();
      const [id, since, parent, first, sizes] = species;
      sizes.forEach((size, n) => (floor[first + n] += size));
      const columns = d3.range(Math.max(0, first - 1), Math.min(x.length, first + sizes.length + 1));
      return { id, since, parent, columns, bottom, top: floor.slice(), colour: `hsl(${(k * 137.5) % 360} 45% 58%)` };
    });
    drawForWidth(parent, (width) => {
      parent.replaceChildren();
      const domain = x.length > 1 ? d3.extent(x) : [x[0] - 1, x[0] + 1];
      const axes = (this.axes = drawAxes(parent, width, 240, domain, [0, d3.max(floor)], ["generation"]));
      for (const band of bands) {
        const points = x.length > 1 ? band.columns.map((n) => [x[n], n]) : domain.map((end) => [end, 0]);
        const area = d3.area().x(([value]) => axes.x(value)).y0(([, n]) => axes.y(band.bottom[n])).y1(([, n]) => axes.y(band.top[n]));
        band.path = make(axes.inside, "path", { class: bands.length > 100 ? "species dense" : "species", d: area(points), fill: band.colour });
      }
      placeRule(axes.chosen, axes.x, this.chosen);
      axes.svg.addEventListener("pointermove", (event) => this.point(event, x, bands));
      axes.svg.addEventListener("pointerleave", () => this.leave(bands));
      axes.svg.addEventListener("click", (event) => choose(x[nearest(x, valueAt(axes, event))]));
    });
  }

  point(event, x, bands) {
    const { svg, y, cursor } = this.axes;
    const k = nearest(x, valueAt(this.axes, event));
    const box = svg.getBoundingClientRect();
    const height = y.invert(((event.clientY - box.top) * svg.viewBox.baseVal.height) / box.height);
    this.leave(bands);
    placeRule(cursor, this.axes.x, x[k]);
    const found = bands.find((band) => band.bottom[k] <= height && height < band.top[k]);
    if (!found) return;
    found.path.classList.add("pointed");
    const { id, since, parent } = found;
    const lines = [`${found.top[k] - found.bottom[k]} genomes in generation ${x[k]}`, `founded in generation ${since}`];
    if (parent !== null) lines.push(`founder's parent in species ${parent}`);
    tooltip.show(event, `species ${id}`, lines);
  }

  leave(bands) {
    tooltip.hide();
    placeRule(this.axes.cursor, this.axes.x, null);
    for (const band of bands) band.path.classList.remove("pointed");
  }

  choose(value) {
    this.chosen = value;
    if (this.axes) placeRule(this.axes.chosen, this.axes.x, value);
  }
}

// Points in groups of [name, x, y]; `describe(x, y)` returns the lines of the tooltip.
function drawPoints(parent, title, groups, labels, { diagonal = false, describe }) {
  const figure = make(parent, "figure");
  const caption = make(figure, "figcaption");
  make(caption, "b", {}, title);
  groups.forEach(([name], k) => {
    const entry = make(caption, "span");
    make(entry, "i", { style: `background: var(--series-${k})` });
    entry.append(name);
  });
  const place = make(figure, "div");
  drawForWidth(figure, (width) => {
    place.replaceChildren();
    const axes = drawAxes(place, width, 260, extent(groups.flatMap((group) => group[1])), extent(groups.flatMap((group) => group[2])), labels);
    const ends = axes.x.domain();
    const [low, high] = diagonal ? ends : [0, 0];
    make(axes.inside, "line", { class: "zero", x1: axes.x(ends[0]), x2: axes.x(ends[1]), y1: axes.y(low), y2: axes.y(high) });
    groups.forEach(([name, xs, ys], k) => {
      xs.forEach((x, n) => {
        if (x === null || ys[n] === null) return;
        const point = make(axes.inside, "circle", { cx: axes.x(x), cy: axes.y(ys[n]), r: 2.8, style: `fill: var(--series-${k}); fill-opacity: 0.65` });
        point.addEventListener("pointerenter", (event) => tooltip.show(event, name, describe(x, ys[n])));
        point.addEventListener("pointerleave", () => tooltip.hide());
      });
    });
  });
}

// A row for each node and a column for each step; the opacity is relative to the node's greatest absolute value.
function drawHeatmap(parent, x, rows, unit, point) {
  const grid = make(parent, "div", { class: "heatmap" });
  const names = make(grid, "div", { class: "names" });
  for (const [name] of rows) make(names, "div", { title: name }, name);
  const canvas = make(grid, "canvas", { width: x.length, height: rows.length, style: `height: ${16 * rows.length}px` });
  const ends = make(grid, "div", { class: "ends" });
  for (const end of [x[0], unit, x[x.length - 1]]) make(ends, "span", {}, typeof end === "number" ? formatNumber(end) : end);
  const context = canvas.getContext("2d");
  rows.forEach(([, values], row) => {
    const greatest = d3.max(values, Math.abs) || 1;
    values.forEach((value, column) => {
      context.fillStyle = `rgb(${value < 0 ? "214 96 77" : "55 130 200"} / ${Math.abs(value) / greatest})`;
      context.fillRect(column, row, 1, 1);
    });
  });
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const place = (offset, size, count) => Math.max(0, Math.min(count - 1, Math.floor((offset / size) * count)));
    const column = place(event.clientX - box.left, box.width, x.length);
    const [name, values] = rows[place(event.clientY - box.top, box.height, rows.length)];
    tooltip.show(event, name, [`value ${formatNumber(values[column])}`, `${unit} ${formatNumber(x[column])}`]);
    point(x[column]);
  });
  canvas.addEventListener("pointerleave", () => {
    tooltip.hide();
    point(null);
  });
}
