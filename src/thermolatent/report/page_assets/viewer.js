// Structures in three dimensions on a plain canvas: sticks and spheres, sorted by depth. Drag or arrow keys turn, +/- zoom.

const ELEMENTS = {
  H: ["#e8ecf0", 0.6], C: ["#6b7785", 1], N: ["#2f5fd0", 1], O: ["#d43a2f", 1], S: ["#d9b310", 1.2],
  P: ["#e07b00", 1.2], F: ["#39a96b", 0.9], Cl: ["#39a96b", 1.2], Br: ["#8a3324", 1.3],
};
const PARTICLE = "#0072b2";
const ATOM = 0.03; // nm, radius of a carbon as it is drawn
const STICK = 0.012; // nm, half the width of a bond
const MANY = 400; // atoms; in larger molecules hydrogens are left out

class Viewer {
  constructor(root) {
    this.canvas = root.querySelector("canvas.viewer");
    this.buttons = root.querySelector(".states");
    this.caption = root.querySelector(".origin");
    this.zoom = 1;
    this.turn = data.molecule.radius === null ? product(about(0, 0.3), about(1, -0.3)) : about(0, 0);
    this.state = data.states[0];
    this.listen(root);
  }

  listen(root) {
    let last = null;
    this.canvas.addEventListener("pointerdown", (event) => {
      last = [event.clientX, event.clientY];
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      this.rotate((event.clientX - last[0]) * 0.01, (event.clientY - last[1]) * 0.01);
      last = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, () => (last = null));
    this.canvas.addEventListener("keydown", (event) => {
      const turns = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
      if (turns[event.key]) this.rotate(...turns[event.key]);
      else if (event.key === "+" || event.key === "=") this.scaleBy(1.2);
      else if (event.key === "-") this.scaleBy(1 / 1.2);
      else return;
      event.preventDefault();
    });
    root.querySelector(".nearer").addEventListener("click", () => this.scaleBy(1.2));
    root.querySelector(".farther").addEventListener("click", () => this.scaleBy(1 / 1.2));
  }

  rotate(right, down) {
    this.turn = product(product(about(1, right), about(0, down)), this.turn);
    this.draw();
  }

  scaleBy(factor) {
    this.zoom = Math.min(8, Math.max(0.3, this.zoom * factor));
    this.draw();
  }

  // Structures of a model and seed: their extent decides the scale, the same for all of them.
  load(structures) {
    this.structures = structures;
    const { values } = structures.positions;
    let most = 0;
    for (let i = 0; i < values.length; i += 3) most = Math.max(most, Math.hypot(values[i], values[i + 1], values[i + 2]));
    this.extent = most * data.resolution + (data.molecule.radius ?? 0.05);
  }

  // The temperature asked for that is nearest to the slider's.
  show(k) {
    const T = temperatures[k];
    const asked = data.stops.filter((stop) => stop.asked);
    this.stop = asked.reduce((a, b) => (Math.abs(b.temperature - T) < Math.abs(a.temperature - T) ? b : a));
    const frames = this.structures.frames.flatMap((frame, i) => (frame.T === this.stop.temperature ? [{ ...frame, i }] : []));
    if (!frames.some((frame) => frame.state === this.state)) this.state = frames[0].state;
    this.buttons.replaceChildren(
      ...frames.map((frame) => {
        const pressed = frame.state === this.state;
        const button = element("button", { type: "button", "aria-pressed": pressed }, `${frame.state} ${population(answerOf(frame.state), k).value}`);
        button.addEventListener("click", () => {
          this.state = frame.state;
          this.show(k);
        });
        return button;
      }),
    );
    this.frame = frames.find((frame) => frame.state === this.state);
    this.caption.textContent =
      `The most central frame of ${this.state} at T = ${temperatureText(this.stop)}, from the MD at ${this.frame.origin}${data.unit}.`;
    this.draw();
  }

  draw() {
    if (!this.frame) return;
    const { context, width, height } = prepared(this.canvas, 300);
    const scale = (this.zoom * 0.46 * Math.min(width, height)) / this.extent;
    const raw = this.structures.positions.at(this.frame.i);
    const atoms = [];
    for (let i = 0; i < raw.length; i += 3) {
      const [x, y, z] = this.turn.map((row) => (row[0] * raw[i] + row[1] * raw[i + 1] + row[2] * raw[i + 2]) * data.resolution);
      atoms.push({ x: width / 2 + scale * x, y: height / 2 - scale * y, z });
    }
    if (data.molecule.radius !== null) this.drawParticles(context, atoms, scale, width, height);
    else this.drawMolecule(context, atoms, scale);
  }

  drawParticles(context, atoms, scale, width, height) {
    if (atoms.length === 1) {
      context.strokeStyle = "#c5ced8";
      context.strokeRect(0.5, height / 2, width - 1, 0.5); // where x and y are 0
      context.strokeRect(width / 2, 0.5, 0.5, height - 1);
    }
    const radius = data.molecule.radius * scale;
    for (const atom of atoms.sort((a, b) => a.z - b.z)) ball(context, atom, radius, PARTICLE, 0);
  }

  drawMolecule(context, atoms, scale) {
    const { elements, bonds } = data.molecule;
    const hidden = elements.length > MANY ? "H" : "";
    const depth = (z) => Math.min(0.6, Math.max(0, (0.5 - z / (2 * this.extent)) * 0.7)); // the farther, the paler
    const items = [];
    atoms.forEach((atom, i) => {
      const [color, size] = ELEMENTS[elements[i]] ?? ["#b0589c", 1.2];
      Object.assign(atom, { color, size, element: elements[i] });
      if (elements[i] !== hidden) items.push({ z: atom.z, draw: () => ball(context, atom, size * ATOM * scale, color, depth(atom.z)) });
    });
    for (const [a, b] of bonds) {
      if (elements[a] === hidden || elements[b] === hidden) continue;
      const middle = { x: (atoms[a].x + atoms[b].x) / 2, y: (atoms[a].y + atoms[b].y) / 2 };
      for (const end of [atoms[a], atoms[b]]) {
        const z = (3 * end.z + (end === atoms[a] ? atoms[b] : atoms[a]).z) / 4;
        items.push({ z: z - 1e-4, draw: () => stick(context, end, middle, STICK * scale, end.color, depth(z)) });
      }
    }
    for (const item of items.sort((a, b) => a.z - b.z)) item.draw();
  }
}

function pale(color, share) {
  const parts = [1, 3, 5].map((k) => parseInt(color.slice(k, k + 2), 16));
  return `rgb(${parts.map((p) => Math.round(p + (255 - p) * share)).join(", ")})`;
}

function ball(context, at, radius, color, distance) {
  const light = context.createRadialGradient(at.x - radius / 3, at.y - radius / 3, radius / 10, at.x, at.y, radius);
  light.addColorStop(0, pale(color, 0.7));
  light.addColorStop(0.6, pale(color, distance));
  light.addColorStop(1, pale(color, distance));
  context.fillStyle = light;
  context.strokeStyle = "#0000004d";
  context.lineWidth = 0.8;
  context.beginPath();
  context.arc(at.x, at.y, Math.max(radius, 0.5), 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}

function stick(context, from, to, half, color, distance) {
  context.lineCap = "round";
  for (const [width, shade] of [[2 * half + 1.6, "#0000004d"], [2 * half, pale(color, distance)]]) {
    context.strokeStyle = shade;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
  }
}

// Rotation about x (0) or y (1).
function about(axis, angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return axis === 0 ? [[1, 0, 0], [0, c, -s], [0, s, c]] : [[c, 0, s], [0, 1, 0], [-s, 0, c]];
}

function product(a, b) {
  return a.map((row) => [0, 1, 2].map((k) => row[0] * b[0][k] + row[1] * b[1][k] + row[2] * b[2][k]));
}
