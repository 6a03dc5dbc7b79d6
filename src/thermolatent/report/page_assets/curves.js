// Curves against temperature: drawn when model, seed or width change; the slider moves only a line and some dots.

const temperatures = data.stops.map((stop) => stop.temperature);
const first = temperatures[0];
const last = temperatures[temperatures.length - 1];
const TEMPERATURE = data.unit ? "temperature (K)" : "temperature (reduced)";

class CurvePanel extends Chart {
  constructor(panel, hidden) {
    super(element("svg", { class: "curves", role: "img", "aria-label": `${panel.title} against temperature` }), 210);
    this.panel = panel;
    this.hidden = hidden; // names of series switched off, shared by all panels
    this.value = element("p", { class: "now" });
    this.root = element("section", { class: "card curve" }, element("h3", {}, panel.title), this.svg, this.value);
  }

  shownFor(model) {
    return this.panel.models === null || this.panel.models.includes(model);
  }

  // Series that are drawn: all of the baselines, of the models the selected one.
  visible(model) {
    return this.panel.series.filter(
      (s) => !this.hidden.has(s.name) && (s.name === model || !data.models.includes(s.name)),
    );
  }

  build(model, seed) {
    this.root.hidden = !this.shownFor(model);
    if (this.root.hidden) return;
    this.series = this.visible(model).map((s) => ({ ...s, one: s.seeds[seed] ?? Object.values(s.seeds)[0] }));
    this.begin(this.root.clientWidth - 2, [first, last], ...this.scale());
    this.temperatures();
    this.axes(TEMPERATURE, this.panel.unit || "mean");
    this.dots = this.series.map((s) => element("circle", { r: 4.5, fill: data.looks[s.name].color, class: "dot" }));
    for (const s of this.series) this.curve(s, s.name === model);
    this.cursor = this.vertical(first, "cursor");
    this.svg.append(...this.dots);
  }

  // The range of y, and whether it is logarithmic.
  scale() {
    const values = this.series.flatMap((s) =>
      s.one.y.flatMap((y, k) => {
        if (y === null) return [];
        if (s.style === "answer") return [y, s.one.low[k] ?? y, s.one.high[k] ?? y];
        return s.style === "points" ? [y - (s.one.e[k] ?? 0), y + (s.one.e[k] ?? 0)] : [y];
      }),
    );
    const positive = values.filter((v) => v > 0);
    if (this.panel.log && positive.length) {
      return [[Math.min(...positive) / 1.3, Math.max(...positive) * 1.3], { log: true, zero: values.some((v) => v <= 0) }];
    }
    let [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
    const margin = 0.06 * (high - low) || 0.05 * Math.abs(high) || 1;
    if (this.panel.unit) low = Math.max(low, 0); // populations, divergences and shares are not negative
    return [[this.panel.unit ? Math.max(0, low - margin) : low - margin, high + margin]];
  }

  curve(s, selected) {
    const { color, dash } = data.looks[s.name];
    const at = s.x ?? temperatures;
    if (s.style === "answer") this.band(temperatures, s.one.low, s.one.high, { fill: color, opacity: 0.2 });
    if (selected && s.style === "line" && Object.keys(s.seeds).length > 1) this.range(s, color);
    if (s.style === "points") {
      const kind = s.x ? "diamond" : s.name === "exact" ? "dash" : "circle";
      s.one.y.forEach((y, k) => {
        if (y !== null) this.point(at[k], y, [y - (s.one.e[k] ?? 0), y + (s.one.e[k] ?? 0)], color, kind);
      });
      return;
    }
    const width = s.style === "answer" ? 2.4 : selected ? 1.6 : 1;
    this.line(at, s.one.y, { stroke: color, "stroke-width": width, "stroke-dasharray": s.style === "fit" ? "2 2" : dash });
    if (s.style === "line") {
      s.one.y.forEach((y, k) => {
        if (y === null || !data.stops[k].asked) return;
        this.svg.append(element("circle", { cx: this.x(at[k]), cy: this.y(y), r: selected ? 2.6 : 1.8, fill: color }));
      });
    } else if (s.style === "fit" && s.Tm >= first && s.Tm <= last) {
      this.svg.append(element("rect", { x: this.x(s.Tm) - 4, y: this.y(0.5) - 4, width: 8, height: 8, fill: "none", stroke: color }));
    }
  }

  // Range over the seeds.
  range(s, color) {
    const rows = Object.values(s.seeds).map((one) => one.y);
    const known = temperatures.map((_, k) => k).filter((k) => rows.some((row) => row[k] !== null));
    const ends = (pick) => known.map((k) => pick(...rows.map((row) => row[k]).filter((y) => y !== null)));
    this.band(known.map((k) => temperatures[k]), ends(Math.min), ends(Math.max), { fill: color, opacity: 0.16 });
  }

  move(k) {
    if (this.root.hidden || !this.series) return;
    const x = this.x(temperatures[k]);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    this.series.forEach((s, i) => {
      const y = s.x ? null : s.one.y[k]; // measured values have temperatures of their own
      this.dots[i].setAttribute("visibility", y === null ? "hidden" : "visible");
      if (y !== null) {
        this.dots[i].setAttribute("cx", x);
        this.dots[i].setAttribute("cy", this.y(y));
      }
    });
    const fits = this.series.filter((s) => s.style === "fit");
    const Tm = fits.map((s) => `${data.looks[s.name].label}: Tm = ${spell(s.Tm, 4)} ± ${spell(s.Tm_half, 2)}${data.unit}`);
    this.value.textContent = Tm.join("; ");
  }
}
