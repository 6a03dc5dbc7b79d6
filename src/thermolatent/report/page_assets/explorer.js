// The controls: temperature, model and seed move every panel together.

class Explorer {
  constructor(root) {
    this.root = root;
    this.slider = root.querySelector("#temperature");
    this.model = root.querySelector("#model");
    this.seed = root.querySelector("#seed");
    this.hidden = new Set();
    this.maps = { latent: new Maps(root.querySelector("#latent"), "latent"), plane: new Maps(root.querySelector("#plane"), "plane") };
    this.viewer = data.molecule ? new Viewer(root.querySelector("#structures")) : null;
    this.panels = data.panels.map((panel) => new CurvePanel(panel, this.hidden));
    root.querySelector(".curve-panels").append(...this.panels.map((panel) => panel.root));
    const { words, at } = data.answer;
    root.querySelector("#at table").classList.toggle("tall", at.some((states) => states.some(([, reason]) => words[reason])));
    this.fill();
    this.listen();
  }

  fill() {
    this.model.append(...data.models.map((name) => element("option", {}, name)));
    this.seed.append(...data.seeds.map((seed) => element("option", {}, String(seed))));
    this.slider.max = data.stops.length - 1;
    this.slider.value = data.stops.findIndex((stop) => stop.asked && stop.role !== "train");
    if (this.slider.value < 0) this.slider.value = 0;
    const jumps = data.stops.flatMap((stop, k) => {
      if (!stop.asked) return [];
      const about = stop.role === "train" ? "MD to learn from" : stop.md ? "MD to compare with" : "no MD";
      const marks = { type: "button", class: `jump ${stop.role} ${stop.md ? "md" : ""}`, title: `${stop.role}, ${about}` };
      const button = element("button", marks, stop.label);
      button.addEventListener("click", () => this.go(k));
      button.dataset.stop = k;
      return [button];
    });
    this.root.querySelector(".jumps").append(...jumps);
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
      });
      button.dataset.series = name;
      return button;
    });
    this.root.querySelector(".legend").append(...entries);
  }

  listen() {
    this.slider.addEventListener("input", () => this.move());
    for (const select of [this.model, this.seed]) select.addEventListener("change", () => this.choose());
    document.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const busy = event.target.closest?.("input, select, canvas.viewer, .scroll, pre, summary");
      if (!step || busy || event.altKey || event.ctrlKey || event.metaKey) return;
      this.go(Number(this.slider.value) + step);
      event.preventDefault();
    });
    let width = 0;
    new ResizeObserver(() => {
      if (this.root.clientWidth !== width && this.bundle) this.rebuild();
      width = this.root.clientWidth;
    }).observe(this.root);
  }

  go(k) {
    this.slider.value = k;
    this.move();
  }

  async choose() {
    this.bundle = await bundleOf(this.model.value, this.seed.value);
    this.viewer?.load(this.bundle.structures);
    this.rebuild();
  }

  rebuild() {
    for (const button of this.root.querySelectorAll(".legend button")) {
      const name = button.dataset.series;
      button.hidden = data.models.includes(name) && name !== this.model.value;
    }
    this.root.querySelector(".maps").classList.toggle("three", this.bundle.plane.model !== null);
    drawColourBar(this.root.querySelector("canvas.bar"));
    for (const panel of this.panels) panel.build(this.model.value, this.seed.value);
    this.move();
  }

  move() {
    const k = Number(this.slider.value);
    const stop = data.stops[k];
    const role = { train: "a training temperature", interpolate: "between the training temperatures", extrapolate: "beyond the training temperatures" }[stop.role];
    this.root.querySelector(".shown").textContent = `T = ${temperatureText(stop)}`;
    this.slider.setAttribute("aria-valuetext", `T = ${temperatureText(stop)}, ${role}`);
    this.answer(k, role);
    for (const button of this.root.querySelectorAll(".jump")) button.setAttribute("aria-pressed", Number(button.dataset.stop) === k);
    for (const [which, maps] of Object.entries(this.maps)) maps.draw(this.bundle[which], k, this.model.value);
    for (const panel of this.panels) panel.move(k);
    this.viewer?.show(k);
    this.tabulate(k, stop);
  }

  // Populations with their intervals and verdicts at this temperature, and in one line who is trusted.
  answer(k, role) {
    const { words, at } = data.answer;
    const groups = new Map();
    const rows = data.states.map((state, s) => {
      const [verdict, reason, remedy] = at[k][s].map((word) => words[word]);
      groups.set(verdict, [...(groups.get(verdict) ?? []), state]);
      const series = data.panels.find((panel) => panel.state === state).series.find((one) => one.style === "answer");
      const { value, interval } = population(Object.values(series.seeds)[0], k);
      const why = element("td", { class: "why" }, [reason, remedy].filter(Boolean).join("; "));
      const mark = verdict === "trusted" ? {} : { class: "doubt" };
      return element("tr", {}, element("th", { scope: "row" }, state), element("td", {}, value), element("td", {}, interval), element("td", mark, verdict), why);
    });
    const head = ["state", "population", "95 % interval", "verdict", "why, and what would help"];
    const titles = element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)));
    this.root.querySelector("#at table").replaceChildren(element("thead", {}, titles), element("tbody", {}, ...rows));
    const told = [...groups].map(([verdict, states]) => `${states.length === data.states.length ? "every state" : states.join(", ")} ${verdict}`);
    const verdict = this.root.querySelector(".verdict");
    verdict.textContent = `${role}; ${told.join("; ")}`;
    verdict.classList.toggle("doubt", groups.size > 1 || !groups.has("trusted"));
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
    this.root.querySelector(".at table").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
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

const explorer = document.getElementById("explorer");
explorer.hidden = false;
new Explorer(explorer).choose();
