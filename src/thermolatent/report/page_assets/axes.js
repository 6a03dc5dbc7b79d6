// Ticks, and canvases that are sharp on every screen.

// Round numbers within [low, high], about `wanted` of them.
function ticks(low, high, wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step);
  return found.map((value) => (Math.abs(value) < step * 1e-9 ? 0 : value));
}

// 1, 2 and 5 times powers of ten; powers alone where those are many.
function logTicks(low, high) {
  const multiples = high / low > 300 ? [1] : [1, 2, 5];
  const found = [];
  for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high); p++) {
    for (const m of multiples) found.push(m * 10 ** p);
  }
  return found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
}

function tickText(value) {
  return Math.abs(value) < 1e-4 && value !== 0 ? value.toExponential(0) : String(Number(value.toPrecision(6)));
}

// Size a canvas to its place on the page; returns its context in CSS pixels, cleared, and its size.
function prepared(canvas, height) {
  const width = canvas.clientWidth;
  const ratio = Math.max(1, window.devicePixelRatio || 1);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

const INK = "#1d2733";
const SOFT = "#5d6b7a";

// Frame, ticks and labels around a box {x, y, w, h}; ranges in data units.
function frame(context, box, xRange, yRange, xLabel, yLabel) {
  context.strokeStyle = SOFT;
  context.fillStyle = INK;
  context.lineWidth = 1;
  context.strokeRect(box.x + 0.5, box.y + 0.5, box.w, box.h);
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const value of ticks(...xRange, box.w / 55)) {
    const x = box.x + ((value - xRange[0]) / (xRange[1] - xRange[0])) * box.w;
    context.fillRect(x - 0.5, box.y + box.h, 1, 4);
    context.fillText(tickText(value), x, box.y + box.h + 6);
  }
  if (xLabel) context.fillText(xLabel, box.x + box.w / 2, box.y + box.h + 21, box.w + 40);
  if (!yRange) return;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const value of ticks(...yRange, box.h / 45)) {
    const y = box.y + box.h - ((value - yRange[0]) / (yRange[1] - yRange[0])) * box.h;
    context.fillRect(box.x - 4, y - 0.5, 4, 1);
    if (yLabel) context.fillText(tickText(value), box.x - 6, y);
  }
  if (!yLabel) return;
  context.save();
  context.translate(box.x - 32, box.y + box.h / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.textBaseline = "bottom";
  context.fillText(yLabel, 0, 0, box.h + 20);
  context.restore();
}
