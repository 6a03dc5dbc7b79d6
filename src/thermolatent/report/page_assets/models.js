// What depends on the model and the seed: latent maps, curves of every quantity, and numbers.

class Models {
  // `loaded` is called with the maps and structures of the model and seed that are chosen.
  constructor(root, loaded) {
    this.root = root;
    this.loaded = loaded;
    this.model = root.querySelector("#model");
    this.seed = root.querySelector("#seed");
    this.hidden = new Set();
    this.maps = { latent: new Maps(root.querySelector("#latent"), "latent"), own: new Maps(root.querySelector("#own"), "own") };
    this.panels = data.panels.map((panel) => new CurvePanel(panel, this.hidden));
    root.querySelector(".curve-panels").append(...this.panels.map((panel) => panel.root));
    this.model.append(...data.models.map((name) => element("option", {}, name)));
    this.seed.append(...data.seeds.map((seed) => element("option", {}, String(seed))));
    for (const select of [this.model, this.seed]) select.addEventListener("change", () => this.choose());
    this.fillLegend();
  }

  // A button per series switches it on and off in all panels.
  fillLegend() {
    const names = Object.keys(data.looks).filter((name) => data.panels.some((p) => p.series.some((s) => s.name === name)));
    const entries = names.map((name) => {
      const look = data.looks[name];
      const key = element("svg", { width: 24, height: 10, "aria-hidden": "true" });
      const stroke = { stroke: look.color, "stroke-width": 2, "stroke-dasharray": look.dash };
      const measured = data.panels.some((p) => p.series.some((s) => s.name === name && s.x));
      if (measured) key.append(diamond(12, 5, { fill: "#fff", stroke: look.color, "stroke-width": 1.5 }));
      else if (name === "md") key.append(element("circle", { cx: 12, cy: 5, r: 3.5, fill: "#fff", stroke: look.color, "stroke-width": 1.5 }));
      else key.append(element("line", { x1: name === "exact" ? 5 : 0, x2: name === "exact" ? 19 : 24, y1: 5, y2: 5, ...stroke }));
      const button = element("button", { type: "button", "aria-pressed": true }, key, look.label);
      button.addEventListener("click", () => {
        const off = !this.hidden.has(name);
        off ? this.hidden.add(name) : this.hidden.delete(name);
        button.setAttribute("aria-pressed", !off);
        this.rebuild();
        this.move(this.stop);
      });
      button.dataset.series = name;
      return button;
    });
    this.root.querySelector(".legend").append(...entries);
  }

  async choose() {
    this.bundle = await bundleOf(this.model.value, this.seed.value);
    this.loaded(this.bundle);
    this.rebuild();
    if (this.stop !== undefined) this.move(this.stop);
  }

  // Folded there is nothing to draw.
  get ready() {
    return this.bundle && this.root.clientWidth > 0;
  }

  rebuild() {
    if (!this.ready) return;
    for (const button of this.root.querySelectorAll(".legend button")) {
      const name = button.dataset.series;
      button.hidden = data.models.includes(name) && name !== this.model.value;
    }
    this.root.querySelector("#own").hidden = !this.bundle.own;
    for (const panel of this.panels) panel.build(this.model.value, this.seed.value);
  }

  move(k) {
    this.stop = k;
    if (!this.ready) return;
    this.maps.latent.draw(this.bundle.latent, k, this.model.value);
    if (this.bundle.own) this.maps.own.draw(this.bundle.own, k, this.model.value);
    for (const panel of this.panels) panel.move(k);
    this.tabulate(k, data.stops[k]);
  }

  // Every quantity at this temperature as numbers: the answer, the model, the MD, the baselines.
  tabulate(k, stop) {
    const model = this.model.value;
    const panels = this.panels.filter((panel) => !panel.root.hidden).map((panel) => panel.panel);
    const known = new Set(panels.flatMap((p) => p.series.filter((s) => s.style !== "fit" && !s.x).map((s) => s.name)));
    const others = Object.keys(data.looks).filter((name) => known.has(name) && !data.models.includes(name) && name !== ANSWER);
    const names = [ANSWER, model, ...others];
    const head = element("tr", {}, element("th", { scope: "col" }, `T = ${temperatureText(stop)}`));
    for (const name of names) head.append(element("th", { scope: "col" }, data.looks[name].label));
    const rows = panels.filter((panel) => !panel.series.some((s) => s.style === "fit")).map((panel) => {
      const row = element("tr", {}, element("th", { scope: "row" }, panel.title));
      for (const name of names) row.append(this.cell(panel, name, k));
      return row;
    });
    this.root.querySelector(".numbers table").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
    this.root.querySelector(".between").hidden = stop.asked;
    const own = data.told[model][askedStops.indexOf(k)];
    this.root.querySelector(".own").textContent = own ? `Populations by ${model}: ${own.text}.` : "";
  }

  cell(panel, name, k) {
    const series = panel.series.find((s) => s.name === name);
    const one = series && (series.seeds[this.seed.value] ?? Object.values(series.seeds)[0]);
    const y = one ? one.y[k] : null;
    const made = element("td", {}, panel.unit === "population" && y !== null ? y.toFixed(3) : spell(y));
    const e = one?.e?.[k];
    if (e) made.append(" ", element("small", {}, `± ${spell(e, 2)}`));
    const ends = one?.low && one.low[k] !== null ? [one.low[k], one.high[k]] : null;
    if (ends) made.append(" ", element("small", {}, ends.map((end) => (panel.unit === "population" ? end.toFixed(3) : spell(end))).join(" to ")));
    if (panel.unit === "population" && y !== null) made.style.setProperty("--share", `${100 * y}%`);
    return made;
  }
}
