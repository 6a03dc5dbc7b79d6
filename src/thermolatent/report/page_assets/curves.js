// Curves against temperature as SVG: drawn when model, seed or width change; the slider moves only a line and some dots.

const H = 210;
const M = { left: 56, right: 10, top: 8, bottom: 34 };
const temperatures = data.stops.map((stop) => stop.temperature);
const first = temperatures[0];
const last = temperatures[temperatures.length - 1];

// The mark of measured values.
function diamond(x, y, marks) {
  return element("path", { d: `M${x} ${y - 4.5}l4.5 4.5l-4.5 4.5l-4.5 -4.5Z`, ...marks });
}

class CurvePanel {
  constructor(panel, hidden) {
    this.panel = panel;
    this.hidden = hidden; // names of series switched off, shared by all panels
    this.value = element("p", { class: "now" });
    this.svg = element("svg", { class: "curves", role: "img", "aria-label": `${panel.title} against temperature` });
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
    this.width = this.root.clientWidth - 2;
    const series = this.visible(model).map((s) => ({ ...s, one: s.seeds[seed] ?? Object.values(s.seeds)[0] }));
    this.scale(series);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${H}`);
    this.svg.setAttribute("height", H);
    this.svg.replaceChildren(...this.axes());
    this.cursor = element("line", { y1: M.top, y2: H - M.bottom, class: "cursor" });
    this.dots = series.map((s) => element("circle", { r: 4.5, fill: data.looks[s.name].color, class: "dot" }));
    for (const s of series) this.svg.append(...this.curve(s, s.name === model));
    this.svg.append(this.cursor, ...this.dots);
    this.series = series;
  }

  scale(series) {
    const values = series.flatMap((s) =>
      s.one.y.flatMap((y, k) => {
        if (y === null) return [];
        if (s.style === "answer") return [y, s.one.low[k] ?? y, s.one.high[k] ?? y];
        return s.style === "points" ? [y - (s.one.e[k] ?? 0), y + (s.one.e[k] ?? 0)] : [y];
      }),
    );
    const positive = values.filter((v) => v > 0);
    this.log = this.panel.log && positive.length > 0;
    if (this.log) {
      this.range = [Math.min(...positive) / 1.3, Math.max(...positive) * 1.3];
    } else {
      let [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
      const margin = 0.06 * (high - low) || 0.05 * Math.abs(high) || 1;
      if (this.panel.unit) low = Math.max(low, 0); // populations, divergences and shares are not negative
      this.range = [this.panel.unit ? Math.max(0, low - margin) : low - margin, high + margin];
    }
  }

  x(T) {
    return M.left + ((T - first) / (last - first || 1)) * (this.width - M.left - M.right);
  }

  y(value) {
    const [low, high] = this.range;
    const share = this.log
      ? (Math.log(Math.max(value, low)) - Math.log(low)) / (Math.log(high) - Math.log(low))
      : (value - low) / (high - low);
    return H - M.bottom - share * (H - M.top - M.bottom);
  }

  axes() {
    const made = [];
    const bottom = H - M.bottom;
    const right = this.width - M.right;
    const train = data.train;
    for (const [from, to] of [[first, train[0]], [train[train.length - 1], last]]) {
      if (to > from) {
        const x = this.x(from);
        made.push(element("rect", { x, y: M.top, width: this.x(to) - x, height: bottom - M.top, class: "beyond" }));
      }
    }
    for (const T of train) made.push(element("line", { x1: this.x(T), x2: this.x(T), y1: M.top, y2: bottom, class: "train" }));
    made.push(element("path", { d: `M${M.left} ${M.top}V${bottom}H${right}`, class: "axis" }));
    for (const T of ticks(first, last, this.width / 65)) {
      made.push(element("line", { x1: this.x(T), x2: this.x(T), y1: bottom, y2: bottom + 4, class: "axis" }));
      made.push(element("text", { x: this.x(T), y: bottom + 15, class: "tick middle" }, tickText(T)));
    }
    const marks = this.log ? logTicks(...this.range) : ticks(...this.range, 4);
    for (const v of marks) {
      made.push(element("line", { x1: M.left - 4, x2: M.left, y1: this.y(v), y2: this.y(v), class: "axis" }));
      made.push(element("text", { x: M.left - 6, y: this.y(v) + 3.5, class: "tick end" }, tickText(v)));
    }
    const unit = data.unit ? "temperature (K)" : "temperature (reduced)";
    made.push(element("text", { x: (M.left + right) / 2, y: H - 4, class: "tick middle" }, unit));
    const at = `translate(10 ${(M.top + bottom) / 2}) rotate(-90)`;
    made.push(element("text", { transform: at, class: "tick middle" }, this.panel.unit || "mean"));
    return made;
  }

  curve(s, selected) {
    const look = data.looks[s.name];
    const points = s.one.y.flatMap((y, k) => (y === null ? [] : [[this.x((s.x ?? temperatures)[k]), this.y(y), k]]));
    const made = [];
    if (s.style === "answer") made.push(...this.interval(s.one, look.color));
    if (selected && s.style === "line" && Object.keys(s.seeds).length > 1) made.push(this.band(s, look.color));
    if (s.style === "points") {
      for (const [x, y, k] of points) {
        const e = s.one.e[k] ?? 0;
        const ends = { y1: this.y(s.one.y[k] - e), y2: this.y(s.one.y[k] + e) };
        if (s.name === "exact") {
          made.push(element("line", { x1: x - 7, x2: x + 7, y1: y, y2: y, stroke: look.color, "stroke-width": 1.5 }));
          continue;
        }
        if (e) made.push(element("line", { x1: x, x2: x, ...ends, stroke: look.color }));
        const mark = { fill: "#fff", stroke: look.color, "stroke-width": 1.5 };
        made.push(s.x ? diamond(x, y, mark) : element("circle", { cx: x, cy: y, r: 3, ...mark }));
      }
      return made;
    }
    const d = points.map(([x, y], k) => `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    const dash = s.style === "fit" ? "2 2" : look.dash;
    const width = s.style === "answer" ? 2.4 : selected ? 1.6 : 1;
    made.push(element("path", { d, fill: "none", stroke: look.color, "stroke-width": width, "stroke-dasharray": dash }));
    if (s.style === "line") {
      for (const [x, y, k] of points) {
        if (data.stops[k].asked) made.push(element("circle", { cx: x, cy: y, r: selected ? 2.6 : 1.8, fill: look.color }));
      }
    } else if (s.style === "fit" && s.Tm >= first && s.Tm <= last) {
      made.push(element("rect", { x: this.x(s.Tm) - 4, y: this.y(0.5) - 4, width: 8, height: 8, fill: "none", stroke: look.color }));
    }
    return made;
  }

  // The 95 % interval, one shape for each unbroken row of stops that have one.
  interval({ low, high }, color) {
    const rows = [];
    low.forEach((value, k) => {
      if (value === null) return;
      if (k === 0 || low[k - 1] === null) rows.push([]);
      rows[rows.length - 1].push(k);
    });
    const edge = (ends, row) => row.map((k) => `${this.x(temperatures[k]).toFixed(1)} ${this.y(ends[k]).toFixed(1)}`);
    return rows.map((row) => {
      const outline = [...edge(high, row), ...edge(low, row).reverse()];
      return element("path", { d: `M${outline.join("L")}Z`, fill: color, opacity: 0.2 });
    });
  }

  // Range over the seeds.
  band(s, color) {
    const rows = Object.values(s.seeds);
    const edge = (pick) =>
      temperatures.flatMap((T, k) => {
        const values = rows.map((row) => row.y[k]).filter((y) => y !== null);
        return values.length ? [`${this.x(T).toFixed(1)} ${this.y(pick(...values)).toFixed(1)}`] : [];
      });
    const outline = [...edge(Math.max), ...edge(Math.min).reverse()];
    return element("path", { d: `M${outline.join("L")}Z`, fill: color, opacity: 0.16 });
  }

  move(k) {
    if (this.root.hidden) return;
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
