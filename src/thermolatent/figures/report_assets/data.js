// Numbers of the page: arrays as packing.py writes them, and small helpers that every panel uses.

const data = JSON.parse(document.getElementById("explorer-data").textContent);
const colours = bytesOf(data.colours); // 256 x RGB of the figures' colour map
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

// Maps and structures of one model and seed, unpacked once.
const bundles = new Map();

async function bundleOf(model, seed) {
  const key = `${model}/${seed}`;
  if (!bundles.has(key)) {
    const raw = data.bundles[key];
    const found = { ...raw };
    for (const which of ["latent", "plane"]) {
      found[which] = { ...raw[which], model: await unpack(raw[which].model), md: await unpack(raw[which].md) };
    }
    if (raw.structures) {
      found.structures = { ...raw.structures, positions: await unpack(raw.structures.positions) };
    }
    bundles.set(key, found);
  }
  return bundles.get(key);
}

const mdStops = data.stops.flatMap((stop, k) => (stop.md ? [k] : []));

// Free energy in kT of a quantised level.
function freeEnergy(level) {
  if (level === EMPTY) return "empty";
  return level === LEVELS ? `at least ${data.cap} kT` : `${((level * data.cap) / LEVELS).toFixed(1)} kT`;
}

// Two significant digits more than needed to tell values apart; small numbers keep theirs.
function spell(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1000) return value.toFixed(0);
  return size < 1e-4 ? value.toExponential(1) : value.toPrecision(digits);
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
