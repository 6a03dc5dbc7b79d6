// Free-energy surfaces side by side on the same axes and in the same colours, or curves of one coordinate.

const PAD = { left: 50, right: 10, top: 20, bottom: 38 };
const picture = document.createElement("canvas"); // one pixel per cell, enlarged when drawn

// Paint quantised free energies ({shape: [nx, ny], values}) into a rectangle; the first axis runs along x. Grey lies over cells
// whose interval's half, in `halves` if given, says little.
function paint(context, nx, ny, levels, halves, x, y, w, h) {
  const most = (data.unsure * LEVELS) / data.cap; // EMPTY is above it
  picture.width = nx;
  picture.height = ny;
  const small = picture.getContext("2d", { willReadFrequently: true });
  const image = small.createImageData(nx, ny);
  for (let i = 0; i < nx; i++) {
    for (let j = 0; j < ny; j++) {
      const level = levels[i * ny + j];
      const to = 4 * ((ny - 1 - j) * nx + i);
      if (level === EMPTY) continue; // transparent: white paper
      const from = 3 * Math.round((level * 255) / LEVELS);
      const share = halves && halves[i * ny + j] > most ? 0.15 : 1;
      for (let k = 0; k < 3; k++) image.data[to + k] = share * colours[from + k] + (1 - share) * 209;
      image.data[to + 3] = 255;
    }
  }
  small.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, x, y, w, h);
}

// Where a range of data units lies within an axis, in pixels.
function span(range, axis, start, length) {
  const [low, high] = axis;
  const a = start + ((range[0] - low) / (high - low)) * length;
  const b = start + ((range[1] - low) / (high - low)) * length;
  return [a, b - a];
}

class Maps {
  // `card` holds a canvas of class "map" for each side; `which` is "latent" (model, MD), "plane" (answer, MD) or "own" (the plane by
  // a model with weights of its own).
  constructor(card, which) {
    this.which = which;
    this.canvases = [...card.querySelectorAll("canvas.map")];
    this.readout = card.querySelector(".readout");
    this.canvases.forEach((canvas, side) => {
      canvas.addEventListener("pointermove", (event) => this.read(canvas, side, event));
      canvas.addEventListener("pointerleave", () => (this.readout.textContent = ""));
    });
  }

  draw(maps, k, model) {
    this.maps = maps;
    this.stop = k;
    this.flat = maps.axes.length === 1;
    const sides = { latent: () => [this.ofLatent(model), this.ofMD()], plane: () => this.equallyMasked(this.ofAnswer(), this.ofMD()), own: () => [this.ofModel(model)] };
    this.sides = sides[this.which]();
    this.canvases.forEach((canvas, side) => (canvas.hidden = side > 0 && (this.flat || !this.sides[side])));
    if (this.flat) return this.drawCurves(model);
    const begins = (side) => side === 0 || this.canvases[side].offsetTop > this.canvases[side - 1].offsetTop; // a new line
    this.canvases.forEach((canvas, side) => this.sides[side] && this.drawMap(canvas, this.sides[side], begins(side)));
  }

  // Each side: its title, levels with their shape and ranges, or in words what there is none of.
  ofLatent(model) {
    const { at, labels, model: levels, model_ranges: ranges } = this.maps;
    const nearest = at[this.stop];
    return { title: `${model} at ${labels[nearest]}${data.unit}`, levels: levels.at(nearest), shape: levels.shape.slice(1), ranges };
  }

  ofAnswer() {
    return { ...this.inPlane("predicted", this.maps.answer, this.stop), halves: this.maps.half.at(this.stop) };
  }

  // White is where neither has frames: a bin that only one of them visited has the highest colour in the other.
  equallyMasked(answer, md) {
    if (!md.levels) return [answer, md];
    const filled = (one, other) => one.levels.map((level, i) => (level === EMPTY && other.levels[i] !== EMPTY ? LEVELS : level));
    const halves = answer.halves.map((half, i) => (answer.levels[i] === EMPTY ? 0 : half));
    return [{ ...answer, levels: filled(answer, md), halves }, { ...md, levels: filled(md, answer) }];
  }

  ofModel(model) {
    return this.inPlane(model, this.maps.model, askedStops.indexOf(this.stop), [`${model}: only at`, "temperatures asked for"]);
  }

  ofMD() {
    return this.inPlane("MD", this.maps.md, mdStops.indexOf(this.stop), ["no MD at", `T = ${temperatureText(data.stops[this.stop])}`]);
  }

  inPlane(title, levels, at, missing) {
    const ranges = this.maps.axes.map((axis) => axis.range);
    return at < 0 ? { title, missing } : { title, levels: levels.at(at), shape: levels.shape.slice(1), ranges };
  }

  drawMap(canvas, shown, first) {
    const left = first ? PAD.left : 12;
    const height = Math.min(300, canvas.clientWidth - left - PAD.right) + PAD.top + PAD.bottom;
    const { context, width } = prepared(canvas, height);
    const box = { x: left, y: PAD.top, w: width - left - PAD.right, h: height - PAD.top - PAD.bottom };
    const [xAxis, yAxis] = this.maps.axes;
    if (shown.levels) {
      const [x, w] = span(shown.ranges[0], xAxis.range, box.x, box.w);
      const [bottom, h] = span(shown.ranges[1], yAxis.range, 0, box.h);
      context.save();
      context.beginPath();
      context.rect(box.x, box.y, box.w, box.h);
      context.clip();
      paint(context, ...shown.shape, shown.levels, shown.halves, x, box.y + box.h - bottom - h, w, h);
      context.restore();
    } else {
      context.fillStyle = SOFT;
      context.font = "13px system-ui, sans-serif";
      context.textAlign = "center";
      shown.missing.forEach((line, k) => context.fillText(line, box.x + box.w / 2, box.y + box.h / 2 - 12 + 18 * k, box.w - 8));
    }
    frame(context, box, xAxis.range, yAxis.range, xAxis.name, first ? yAxis.name : "");
    context.textAlign = "left";
    context.textBaseline = "top";
    context.font = "600 12px system-ui, sans-serif";
    context.fillText(shown.title, box.x, 3, box.w);
    canvas.box = box;
  }

  // One latent coordinate: F(z) of the model as a line, of the MD as a wide grey one.
  drawCurves(model) {
    const { context, width, height } = prepared(this.canvases[0], 260);
    const box = { x: PAD.left, y: PAD.top, w: width - PAD.left - PAD.right, h: height - PAD.top - PAD.bottom };
    const [axis] = this.maps.axes;
    const looks = [data.looks[model].color, "#00000066"];
    for (const side of [1, 0]) {
      const shown = this.sides[side];
      if (!shown.levels) continue;
      context.strokeStyle = looks[side];
      context.lineWidth = side === 0 ? 2 : 4;
      context.beginPath();
      const [start, length] = span(shown.ranges[0], axis.range, box.x, box.w);
      let drawing = false;
      shown.levels.forEach((level, i) => {
        const inside = level < LEVELS;
        const x = start + ((i + (side ? 0.5 : 0)) / (shown.shape[0] - (side ? 0 : 1))) * length;
        const y = box.y + box.h * (1 - level / LEVELS);
        if (inside && x >= box.x && x <= box.x + box.w) drawing ? context.lineTo(x, y) : context.moveTo(x, y);
        drawing = inside;
      });
      context.stroke();
    }
    frame(context, box, axis.range, [0, data.cap], axis.name, "free energy (kT)");
    context.textAlign = "left";
    context.font = "600 12px system-ui, sans-serif";
    context.fillText(`${this.sides[0].title}; MD ${this.sides[1].levels ? "in grey" : "is not there"}`, box.x, 9, box.w);
  }

  // Coordinates and free energy under the pointer.
  read(canvas, side, event) {
    const shown = this.maps && !this.flat && this.sides[side];
    if (!shown?.levels) return;
    const { box } = canvas;
    const bounds = canvas.getBoundingClientRect();
    const at = [
      (event.clientX - bounds.left - box.x) / box.w,
      1 - (event.clientY - bounds.top - box.y) / box.h,
    ].map((share, k) => this.maps.axes[k].range[0] + share * (this.maps.axes[k].range[1] - this.maps.axes[k].range[0]));
    const cell = at.map((value, k) => {
      const [low, high] = shown.ranges[k];
      return Math.floor(((value - low) / (high - low)) * shown.shape[k]);
    });
    const inside = cell.every((c, k) => c >= 0 && c < shown.shape[k]);
    const place = cell[0] * shown.shape[1] + cell[1];
    const half = inside && shown.halves && shown.levels[place] !== EMPTY && shown.halves[place] > 0 ? ` ${halfInterval(shown.halves[place])}` : "";
    this.readout.textContent = inside ? `(${at.map((v) => v.toFixed(2)).join(", ")}): ${freeEnergy(shown.levels[place])}${half}` : "";
  }
}

// The colour bar, 0 to the cap, drawn once per size.
function drawColourBar(canvas) {
  const { context, width } = prepared(canvas, 34);
  const [x, w] = [8, width - 16];
  const ramp = context.createLinearGradient(x, 0, x + w, 0);
  for (let k = 0; k <= 16; k++) {
    const from = 3 * Math.min(255, k * 16);
    ramp.addColorStop(k / 16, `rgb(${colours[from]}, ${colours[from + 1]}, ${colours[from + 2]})`);
  }
  context.fillStyle = ramp;
  context.fillRect(x, 0, w, 10);
  frame(context, { x, y: 0, w, h: 10 }, [0, data.cap], null, "");
}
