// The controls: the temperature moves everything; model and seed move what is folded below "Everything else".

class Explorer {
  constructor(root) {
    this.root = root;
    this.slider = root.querySelector("#temperature");
    this.head = { populations: new PopulationChart(root.querySelector("#populations")), time: new TimeChart(root.querySelector("#time")) };
    this.plane = new Maps(root.querySelector("#plane"), "plane");
    this.viewer = data.molecule ? new Viewer(root.querySelector("#structures")) : null;
    this.models = new Models(document.getElementById("models"), (bundle) => this.viewer?.load(bundle.structures));
    const { words, at } = data.answer;
    root.querySelector("#at table").classList.toggle("tall", at.some((states) => states.some(([, reason]) => words[reason])));
    this.fill();
    this.listen();
  }

  async start() {
    this.rebuild();
    this.ofPlane = await ofPlane;
    await this.models.choose();
    this.rebuild();
  }

  fill() {
    this.slider.max = data.stops.length - 1;
    // The first temperature asked for: best between the training temperatures, else beyond them.
    const first = (role) => data.stops.findIndex((stop) => stop.asked && stop.role === role);
    this.slider.value = [first("interpolate"), first("extrapolate"), 0].find((k) => k >= 0);
    const jumps = data.stops.flatMap((stop, k) => {
      if (!stop.asked) return [];
      const about = stop.role === "train" ? "training MD" : stop.md ? "reference MD" : "no MD";
      const marks = { type: "button", class: `jump ${stop.role} ${stop.md ? "md" : ""}`, title: `${stop.role}, ${about}` };
      const button = element("button", marks, stop.label);
      button.addEventListener("click", () => this.go(k));
      button.dataset.stop = k;
      return [button];
    });
    this.root.querySelector(".jumps").append(...jumps);
  }

  listen() {
    this.slider.addEventListener("input", () => this.move());
    document.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const busy = event.target.closest?.("input, select, canvas.viewer, .scroll, pre, summary");
      if (!step || busy || event.altKey || event.ctrlKey || event.metaKey) return;
      this.go(Number(this.slider.value) + step);
      event.preventDefault();
    });
    let width = 0;
    new ResizeObserver(() => {
      if (this.root.clientWidth !== width) this.rebuild();
      width = this.root.clientWidth;
    }).observe(this.root);
    document.getElementById("rest").addEventListener("toggle", () => this.rebuild()); // folded, it has no width
    window.addEventListener("beforeprint", () => (document.getElementById("why").open = true));
    for (const link of document.querySelectorAll('a[href="#methods"]')) link.addEventListener("click", () => (document.getElementById("rest").open = true));
    document.getElementById("csv").addEventListener("click", () => save(`${data.name}.csv`, predictionsAsCsv()));
    document.getElementById("pdb")?.addEventListener("click", async () => {
      const { label } = this.viewer.stop;
      save(`${data.name}_T${label}.pdb`, await medoidsAsPdb(label));
    });
  }

  go(k) {
    this.slider.value = k;
    this.move();
  }

  rebuild() {
    for (const chart of Object.values(this.head)) chart.build();
    drawColourBar(this.root.querySelector("canvas.bar"));
    this.models.rebuild();
    this.move();
  }

  move() {
    const k = Number(this.slider.value);
    const stop = data.stops[k];
    const role = { train: "a training temperature", interpolate: "between the training temperatures", extrapolate: "beyond the training temperatures" }[stop.role];
    this.root.querySelector(".shown").textContent = `T = ${temperatureText(stop)}`;
    this.root.querySelector(".role").textContent = role;
    this.slider.setAttribute("aria-valuetext", `T = ${temperatureText(stop)}, ${role}`);
    this.answer(k);
    for (const button of this.root.querySelectorAll(".jump")) button.setAttribute("aria-pressed", Number(button.dataset.stop) === k);
    this.head.populations.move(k);
    if (this.ofPlane) this.plane.draw(this.ofPlane, k);
    if (this.viewer?.structures) this.viewer.show(k);
    this.models.move(k);
  }

  // Populations with their intervals and verdicts at this temperature.
  answer(k) {
    const { words, at } = data.answer;
    const rows = data.states.map((state, s) => {
      const [verdict, reason, remedy] = at[k][s].map((word) => words[word]);
      const { value, interval } = population(answerOf(state), k);
      const why = element("td", { class: "why" }, [reason, remedy].filter(Boolean).join("; "));
      const mark = verdict === "trusted" ? {} : { class: "doubt" };
      const key = element("svg", { class: "swatch", width: 22, height: 10, "aria-hidden": "true" });
      key.append(element("line", { x1: 0, x2: 22, y1: 5, y2: 5, stroke: colourOf[state], "stroke-width": 3, "stroke-dasharray": dashOf[state] }));
      const name = element("th", { scope: "row" }, key, state);
      return element("tr", {}, name, element("td", {}, value), element("td", {}, interval), element("td", mark, verdict), why);
    });
    this.root.querySelector("#at tbody").replaceChildren(...rows);
  }
}

const explorer = document.getElementById("explorer");
explorer.hidden = false;
new Explorer(explorer).start();
