// The head of the page: populations of all states against temperature, and those of the MD against simulated time.

const colourOf = Object.fromEntries(data.states.map((state, k) => [state, data.stateColours[k]]));
const dashOf = Object.fromEntries(data.states.map((state, k) => [state, data.stateDashes[k]]));
const seriesOf = (state, style) => data.panels.find((panel) => panel.state === state).series.filter((s) => s.style === style);
const answerOf = (state) => Object.values(seriesOf(state, "answer")[0].seeds)[0];

// A population as it is, or as free energy in kT of this state against all others; the scale of the intervals is its scale, too.
const QUANTITIES = {
  population: { name: "population", of: (p) => p },
  energy: { name: "free energy against the rest (kT)", of: (p) => (p > 0 && p < 1 ? Math.log((1 - p) / p) : null) },
};

class PopulationChart extends Chart {
  constructor(root) {
    super(root.querySelector("svg"), 300);
    this.root = root;
    this.quantity = "population";
    for (const button of root.querySelectorAll(".quantity button")) {
      button.addEventListener("click", () => {
        this.quantity = button.dataset.quantity;
        for (const other of root.querySelectorAll(".quantity button")) other.setAttribute("aria-pressed", other === button);
        this.build();
        this.move(this.stop);
      });
    }
  }

  build() {
    const { name, of } = QUANTITIES[this.quantity];
    const of_ = (row) => row.map((p) => (p === null ? null : of(p)));
    const shown = data.states.map((state) => {
      const { y, low, high } = answerOf(state);
      const ends = [of_(low), of_(high)];
      return { state, y: of_(y), low: ends[0].map((v, k) => lower(v, ends[1][k])), high: ends[0].map((v, k) => lower(ends[1][k], v, -1)) };
    });
    this.shown = shown;
    const measured = data.states.flatMap((state) => seriesOf(state, "points").flatMap((s) => of_(Object.values(s.seeds)[0].y)));
    const every = [...measured, ...shown.flatMap((s) => [...s.y, ...s.low, ...s.high])].filter((v) => v !== null && Math.abs(v) < 50);
    const span = this.quantity === "population" ? [0, Math.min(1.02, Math.max(0.02, ...every) * 1.06)] : [Math.min(...every) - 0.2, Math.max(...every) + 0.2];
    this.begin(this.root.clientWidth - 22, [first, last], span);
    this.temperatures();
    this.axes(TEMPERATURE, name);
    const clipped = (v) => (v === null ? null : Math.min(Math.max(v, span[0]), span[1]));
    for (const s of shown) {
      const color = colourOf[s.state];
      this.band(temperatures, s.low.map(clipped), s.high.map(clipped), { fill: color, opacity: 0.2 });
      this.line(temperatures, s.y.map(clipped), { stroke: color, "stroke-width": 2.2, "stroke-dasharray": dashOf[s.state] });
    }
    for (const { state } of shown) this.points(state, of, clipped);
    this.cursor = this.vertical(first, "cursor");
    this.dots = shown.map((s) => element("circle", { r: 4.5, fill: colourOf[s.state], class: "dot" }));
    this.svg.append(...this.dots);
  }

  // MD, exact and measured values.
  points(state, of, clipped) {
    for (const series of seriesOf(state, "points")) {
      const one = Object.values(series.seeds)[0];
      const kind = series.x ? "diamond" : series.name === "exact" ? "dash" : "circle";
      one.y.forEach((p, k) => {
        if (p === null || of(p) === null || of(p) !== clipped(of(p))) return;
        const ends = [p - (one.e[k] ?? 0), p + (one.e[k] ?? 0)].map((v) => clipped(of(Math.min(Math.max(v, 1e-6), 1 - 1e-6))));
        this.point((series.x ?? temperatures)[k], of(p), [Math.min(...ends), Math.max(...ends)], colourOf[state], kind);
      });
    }
  }

  move(k) {
    this.stop = k;
    if (!this.shown) return;
    const x = this.x(temperatures[k]);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    this.shown.forEach((s, i) => {
      const known = s.y[k] !== null && s.y[k] >= this.yRange[0] && s.y[k] <= this.yRange[1];
      this.dots[i].setAttribute("visibility", known ? "visible" : "hidden");
      if (!known) return;
      this.dots[i].setAttribute("cx", x);
      this.dots[i].setAttribute("cy", this.y(s.y[k]));
    });
  }
}

// The smaller of two ends (of the larger one with sign -1); null if one is missing.
function lower(a, b, sign = 1) {
  if (a === null || b === null) return null;
  return sign > 0 ? Math.min(a, b) : Math.max(a, b);
}

// Populations of the MD at one training temperature up to a time, with their standard errors; the start-up is shaded.
class TimeChart extends Chart {
  constructor(root) {
    super(root.querySelector("svg"), 300);
    this.root = root;
    this.at = Object.keys(data.running.at)[0];
    const buttons = Object.keys(data.running.at).map((T) => {
      const button = element("button", { type: "button", "aria-pressed": T === this.at }, `${T}${data.unit}`);
      button.addEventListener("click", () => {
        this.at = T;
        for (const other of buttons) other.setAttribute("aria-pressed", other === button);
        this.build();
      });
      return button;
    });
    root.querySelector(".at-temperatures").append(...buttons);
  }

  build() {
    const { states, start_up: startUp } = data.running.at[this.at];
    const every = Object.values(states);
    const most = Math.max(...every.flatMap((s) => s.y.map((y, k) => y + (s.e[k] ?? 0))));
    this.begin(this.root.clientWidth - 22, [0, Math.max(...every.map((s) => s.x[s.x.length - 1]))], [0, Math.min(1.02, most * 1.06)]);
    if (startUp > 0) this.shade(0, startUp, "beyond");
    this.axes(`simulated time of a walker (${data.running.unit})`, "population so far");
    for (const [state, { x, y, e }] of Object.entries(states)) {
      this.band(x, y.map((v, k) => Math.max(0, v - (e[k] ?? 0))), y.map((v, k) => Math.min(1, v + (e[k] ?? 0))), { fill: colourOf[state], opacity: 0.2 });
      this.line(x, y, { stroke: colourOf[state], "stroke-width": 1.8, "stroke-dasharray": dashOf[state] });
    }
  }
}
