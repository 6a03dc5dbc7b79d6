// Numbers of the page: arrays as packing.py writes them, and small helpers that every panel uses.

const data = JSON.parse(document.getElementById("explorer-data").textContent);
const colours = bytesOf(data.colours); // 256 x RGB of the figures' colour map
const ANSWER = "conditional"; // the series that has the answer
const EMPTY = 255;
const LEVELS = 254;

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

// {shape, values, at(k)}: at(k) is the k-th entry along the first axis, without a copy.
async function unpack(entry) {
  const stream = new Blob([bytesOf(entry.data)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const values = entry.dtype === "int16" ? new Int16Array(buffer) : new Uint8Array(buffer);
  const size = entry.shape.slice(1).reduce((a, b) => a * b, 1);
  return { shape: entry.shape, values, at: (k) => values.subarray(k * size, (k + 1) * size) };
}

// The fixed plane by the answer and the MD, the same for every model and seed.
const ofPlane = (async () => ({
  axes: data.plane.axes,
  answer: await unpack(data.plane.answer),
  half: await unpack(data.plane.half),
  md: await unpack(data.plane.md),
}))();

// Maps and structures of one model and seed, unpacked once.
const bundles = new Map();

async function bundleOf(model, seed) {
  const key = `${model}/${seed}`;
  if (!bundles.has(key)) {
    const raw = data.bundles[key];
    const found = { ...raw };
    found.latent = { ...raw.latent, model: await unpack(raw.latent.model), md: await unpack(raw.latent.md) };
    found.own = raw.plane && { axes: data.plane.axes, model: await unpack(raw.plane) };
    if (raw.structures) {
      found.structures = { ...raw.structures, positions: await unpack(raw.structures.positions) };
    }
    bundles.set(key, found);
  }
  return bundles.get(key);
}

const mdStops = data.stops.flatMap((stop, k) => (stop.md ? [k] : []));
const askedStops = data.stops.flatMap((stop, k) => (stop.asked ? [k] : []));

// Values of the temperatures asked for, at their stops; null at all others.
function atStops(values) {
  const found = data.stops.map(() => null);
  askedStops.forEach((k, i) => (found[k] = values[i]));
  return found;
}

for (const panel of data.panels) {
  for (const series of panel.series.filter((s) => !s.every && !s.x)) {
    for (const one of Object.values(series.seeds)) Object.assign(one, { y: atStops(one.y), e: atStops(one.e) });
  }
}

// Free energy in kT of a quantised level.
function freeEnergy(level) {
  if (level === EMPTY) return "empty";
  return level === LEVELS ? `at least ${data.cap} kT` : `${((level * data.cap) / LEVELS).toFixed(1)} kT`;
}

// Half of an interval, likewise.
function halfInterval(level) {
  if (level === EMPTY) return "not assessable";
  return level === LEVELS ? `± more than ${data.cap} kT` : `± ${((level * data.cap) / LEVELS).toFixed(2)} kT`;
}

// Two significant digits more than needed to tell values apart; small numbers keep theirs.
function spell(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1000) return value.toFixed(0);
  return size < 1e-4 ? value.toExponential(1) : value.toPrecision(digits);
}

// A population and the ends of its interval, with as many digits as the interval allows (decimals in predictions.py).
function population({ y, low, high }, k) {
  if (low[k] === null) return { value: y[k] === null ? "–" : y[k].toFixed(2), interval: "–" };
  const width = high[k] - low[k];
  const digits = width > 0 ? Math.min(Math.max(2, -Math.floor(Math.log10(width / 2))), 5) : 2;
  const interval = `${low[k].toFixed(digits)} to ${high[k].toFixed(digits)}`;
  return { value: y[k].toFixed(digits), interval };
}

function temperatureText(stop) {
  return `${stop.label}${data.unit}`;
}

// An element with attributes and children; strings become text, never markup.
function element(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "line", "path", "circle", "rect", "text"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
