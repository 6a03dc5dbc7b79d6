// Charts as SVG: scales, axes with ticks, bands and points. The panels below draw their own series into one.

class Chart {
  constructor(svg, height, margins = {}) {
    this.svg = svg;
    this.height = height;
    this.margins = { left: 56, right: 18, top: 8, bottom: 34, ...margins };
  }

  // Sets the size and the ranges, and draws the axes. `log`: logarithmic in y; a zero then has a tick of its own at the bottom.
  begin(width, xRange, yRange, { log = false, zero = false, under = [] } = {}) {
    width = Math.max(width, 120); // of what is folded
    Object.assign(this, { width, xRange, yRange, log, zero: log && zero });
    if (this.zero) this.yRange = [yRange[0] / 1.6, yRange[1]];
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.setAttribute("height", this.height);
    this.svg.replaceChildren(...under);
  }

  get right() {
    return this.width - this.margins.right;
  }

  get bottom() {
    return this.height - this.margins.bottom;
  }

  x(value) {
    const [low, high] = this.xRange;
    return this.margins.left + ((value - low) / (high - low || 1)) * (this.right - this.margins.left);
  }

  y(value) {
    const [low, high] = this.yRange;
    const share = this.log
      ? (Math.log(Math.max(value, low)) - Math.log(low)) / (Math.log(high) - Math.log(low))
      : (value - low) / (high - low);
    return this.bottom - share * (this.bottom - this.margins.top);
  }

  // Shades a range of x, down to the axis.
  shade(from, to, name) {
    const [a, b] = [from, to].map((v) => this.x(Math.min(Math.max(v, this.xRange[0]), this.xRange[1])));
    this.svg.append(element("rect", { x: a, y: this.margins.top, width: b - a, height: this.bottom - this.margins.top, class: name }));
  }

  vertical(value, name) {
    const line = element("line", { x1: this.x(value), x2: this.x(value), y1: this.margins.top, y2: this.bottom, class: name });
    this.svg.append(line);
    return line;
  }

  axes(xName, yName) {
    const { left, top } = this.margins;
    const { bottom, right } = this;
    const made = [element("path", { d: `M${left} ${top}V${bottom}H${right}`, class: "axis" })];
    for (const value of ticks(...this.xRange, this.width / 65)) {
      made.push(element("line", { x1: this.x(value), x2: this.x(value), y1: bottom, y2: bottom + 4, class: "axis" }));
      made.push(element("text", { x: this.x(value), y: bottom + 15, class: "tick middle" }, tickText(value)));
    }
    const marks = this.log ? logTicks(this.zero ? this.yRange[0] * 1.6 : this.yRange[0], this.yRange[1]) : ticks(...this.yRange, 4);
    for (const value of this.zero ? [0, ...marks] : marks) {
      made.push(element("line", { x1: left - 4, x2: left, y1: this.y(value), y2: this.y(value), class: "axis" }));
      made.push(element("text", { x: left - 6, y: this.y(value) + 3.5, class: "tick end" }, tickText(value)));
    }
    made.push(element("text", { x: (left + right) / 2, y: this.height - 4, class: "tick middle" }, xName));
    made.push(element("text", { transform: `translate(10 ${(top + bottom) / 2}) rotate(-90)`, class: "tick middle" }, yName));
    this.svg.append(...made);
  }

  // Training temperatures as lines, extrapolation shaded: what every chart against temperature has.
  temperatures() {
    const [first, last] = this.xRange;
    const { train } = data;
    if (train[0] > first) this.shade(first, train[0], "beyond");
    if (train[train.length - 1] < last) this.shade(train[train.length - 1], last, "beyond");
    for (const T of train) this.vertical(T, "train");
  }

  line(xs, ys, look) {
    const points = ys.flatMap((y, k) => (y === null ? [] : [`${this.x(xs[k]).toFixed(1)} ${this.y(y).toFixed(1)}`]));
    this.svg.append(element("path", { d: points.length ? `M${points.join("L")}` : "", fill: "none", ...look }));
  }

  // Between two rows of numbers, one shape for each unbroken row of places that have both.
  band(xs, lows, highs, look) {
    const rows = [];
    lows.forEach((low, k) => {
      if (low === null || highs[k] === null) return;
      if (k === 0 || lows[k - 1] === null || highs[k - 1] === null) rows.push([]);
      rows[rows.length - 1].push(k);
    });
    const edge = (ends, row) => row.map((k) => `${this.x(xs[k]).toFixed(1)} ${this.y(ends[k]).toFixed(1)}`);
    for (const row of rows) {
      const outline = [...edge(highs, row), ...edge(lows, row).reverse()];
      this.svg.append(element("path", { d: `M${outline.join("L")}Z`, stroke: "none", ...look }));
    }
  }

  // A point with its interval: a circle, of exact values a dash, of measured values a diamond.
  point(at, value, [low, high], color, kind = "circle") {
    const [x, y] = [this.x(at), this.y(value)];
    if (kind === "dash") {
      this.svg.append(element("line", { x1: x - 7, x2: x + 7, y1: y, y2: y, stroke: color, "stroke-width": 1.5 }));
      return;
    }
    if (low < high) this.svg.append(element("line", { x1: x, x2: x, y1: this.y(low), y2: this.y(high), stroke: color }));
    const mark = { fill: "#fff", stroke: color, "stroke-width": 1.5 };
    this.svg.append(kind === "diamond" ? diamond(x, y, mark) : element("circle", { cx: x, cy: y, r: 3, ...mark }));
  }
}

// The mark of measured values.
function diamond(x, y, marks) {
  return element("path", { d: `M${x} ${y - 4.5}l4.5 4.5l-4.5 4.5l-4.5 -4.5Z`, ...marks });
}
