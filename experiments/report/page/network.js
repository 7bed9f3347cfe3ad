// The network of a champion. All nodes and connections of the champions that share a layout have their elements; those
// of others are absent.

class NetworkDrawing {
  constructor(parent, data) {
    this.data = data;
    const weights = data.champions.flatMap((champion) => champion.connections.map((gene) => Math.abs(gene[1])));
    this.greatest = d3.max(weights) || 1;
    this.svg = make(parent, "svg", { role: "img", "aria-label": "the network of a champion" });
    this.scene = make(this.svg, "g");
    this.parent = parent;
    this.setUpZoom();
  }

  setLayout(layout) {
    if (this.layout === layout) return;
    this.layout = layout;
    this.scene.remove(); // elements that are attached later do not fade in
    this.scene.replaceChildren();
    this.connections = layout.curves.map((curve) => this.addConnection(curve));
    this.nodes = layout.nodes.map((node) => this.addNode(node));
    this.fit();
    this.svg.append(this.scene);
  }

  addConnection([source, target, path, head]) {
    const group = make(this.scene, "g", { class: "connection absent" });
    make(group, "path", { class: "hit", d: path });
    make(group, "path", { class: "line", d: path });
    if (head) make(group, "polygon", { points: head });
    const names = `${this.layout.nodes[source].name} → ${this.layout.nodes[target].name}`;
    this.explain(group, () => [names, group.facts]);
    return group;
  }

  addNode({ name, kind, at, born }) {
    const [x, y] = at;
    const { radius } = this.data;
    const group = make(this.scene, "g", { class: `node absent ${kind}` });
    make(group, "circle", { cx: x, cy: y, r: radius });
    if (kind !== "hidden") {
      make(group, "text", { class: "halo" }, name.length > 24 ? `${name.slice(0, 23)}…` : name);
    } else if (name.length <= 5) {
      make(group, "text", { x, y: y + 3.5, "text-anchor": "middle", style: `font-size: ${name.length < 4 ? 10 : 7}px` }, name);
    }
    this.explain(group, () => [kind === "hidden" ? `hidden node ${name}` : `${kind} ${name}`, group.facts]);
    group.addEventListener("pointerenter", () => this.focus(group));
    group.addEventListener("pointerleave", () => this.focus(null));
    group.born = born;
    return group;
  }

  // A tooltip that stays after a tap, and else leaves with the pointer.
  explain(group, describe) {
    const show = (event) => tooltip.show(event, ...describe());
    group.addEventListener("pointerenter", show);
    group.addEventListener("pointermove", show);
    group.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && tooltip.hide());
  }

  focus(node) {
    this.svg.classList.toggle("focus", node !== null);
    this.layout.curves.forEach(([source, target], k) => {
      const isRelated = node !== null && (this.nodes[source] === node || this.nodes[target] === node);
      this.connections[k].classList.toggle("related", isRelated);
    });
  }

  show(champion) {
    this.setLayout(this.data.layouts[champion.layout]);
    const { functions } = this.data;
    const { genes } = this.layout;
    for (const element of [...this.connections, ...this.nodes]) element.classList.add("absent");
    this.nodes.forEach((group) => {
      if (!group.classList.contains("input")) return;
      group.facts = [];
      group.classList.remove("absent");
    });
    for (const [place, bias, response, row] of champion.nodes) {
      const group = this.nodes[place];
      const [activation, aggregation] = functions[row];
      group.facts = [`bias ${formatNumber(bias)}`, `activation ${activation}`, `aggregation ${aggregation}`];
      if (response !== 1) group.facts.push(`response ${formatNumber(response)}`);
      if (group.born !== null) group.facts.push(`since generation ${group.born}`);
      group.classList.remove("absent");
    }
    for (const [row, weight, enabled] of champion.connections) {
      const [curve, innovation, born] = genes[row];
      const group = this.connections[curve];
      group.facts = [`weight ${formatNumber(weight)}`, `innovation number ${innovation}`];
      if (born !== null) group.facts.push(`since generation ${born}`);
      if (!enabled) group.facts.push("disabled");
      const size = Math.min(1, Math.abs(weight) / this.greatest);
      group.style.setProperty("--colour", enabled ? `var(--${weight < 0 ? "negative" : "positive"})` : "var(--soft)");
      group.classList.toggle("off", !enabled);
      group.querySelector(".line").style.strokeWidth = enabled ? 0.7 + 3.3 * size : 0.8;
      group.querySelector(".line").style.strokeOpacity = enabled ? 0.45 + 0.55 * size : 0.6;
      group.classList.remove("absent");
    }
  }

  setUpZoom() {
    this.zoom = d3.zoom().scaleExtent([0.1, 12]).filter((argument) => {
      const event = d3.event || argument;
      return event.type === "wheel" ? event.ctrlKey : !event.button && !(event.touches && event.touches.length < 2);
    });
    this.zoom.on("zoom", () => this.scene.setAttribute("transform", d3.zoomTransform(this.svg)));
    const svg = d3.select(this.svg).call(this.zoom).style("touch-action", "pan-y");
    for (const button of document.querySelectorAll("[data-zoom]")) {
      const factor = Number(button.dataset.zoom);
      button.addEventListener("click", () => (factor ? svg.call(this.zoom.scaleBy, factor) : this.fit()));
    }
    drawForWidth(this.parent, () => this.fit());
  }

  // Show the whole layout.
  fit() {
    const [left, right, highest, bottom] = this.findLimits();
    const letters = (kind) => 12 + 6.5 * Math.min(24, d3.max(this.layout.nodes, (node) => (node.kind === kind ? node.name.length : 0)));
    const width = this.parent.clientWidth;
    const isNarrow = width < 560; // names stand above the nodes, else beside them
    const top = isNarrow ? highest - 2 * this.data.radius : highest;
    const [before, after] = isNarrow ? [0, 0] : [letters("input"), letters("output")]; // pixels for names
    const across = Math.max(0.3 * width, width - before - after);
    const height = Math.max(200, Math.min(560, ((bottom - top) / (right - left)) * across));
    const scale = Math.min(1.4, across / (right - left), height / (bottom - top));
    this.svg.setAttribute("height", height);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const size = Math.max(12, 11 / scale); // so that names can be read
    this.svg.style.setProperty("--letters", `${size}px`);
    this.layout.nodes.forEach((node, k) => this.placeName(this.nodes[k], node, isNarrow, size));
    const shift = [(width + before - after - scale * (left + right)) / 2, (height - scale * (top + bottom)) / 2];
    d3.select(this.svg).call(this.zoom.transform, d3.zoomIdentity.translate(...shift).scale(scale));
  }

  placeName(group, { kind, at }, isAbove, size) {
    if (kind === "hidden") return;
    const side = kind === "input" ? -1 : 1;
    const { radius } = this.data;
    const [x, y] = isAbove ? [at[0] + side * radius, at[1] - radius - 4] : [at[0] + side * (radius + 5), at[1] + 0.35 * size];
    const anchor = (side < 0) === isAbove ? "start" : "end";
    for (const [name, value] of Object.entries({ x, y, "text-anchor": anchor })) group.querySelector("text").setAttribute(name, value);
  }

  // The sides of the rectangle that holds the nodes and the curves.
  findLimits() {
    const { nodes, curves } = this.layout;
    const margin = 1.5 * this.data.radius;
    // Curves can reach above all nodes, but not beside them.
    const ys = curves.flatMap(([, , path]) => path.slice(1).split(/[C ]/).map(Number).filter((_, k) => k % 2 === 1));
    const [left, right] = d3.extent(nodes, (node) => node.at[0]);
    const [top, bottom] = d3.extent([...ys, ...nodes.map((node) => node.at[1])]);
    return [left - margin, right + margin, top - margin, bottom + margin];
  }
}
