/* The second part: the best Leggett inequalities known, their settings on the spheres of both parties. */
const records = {
  view: new View(28, 22),

  start() {
    this.alice = new Sphere(document.getElementById("sphere-alice"), this.view);
    this.bob = new Sphere(document.getElementById("sphere-bob"), this.view);
    this.view.changed = () => redraw(this.drawSpheres, this);
    const choice = document.getElementById("record-choice");
    DATA.records.forEach((record, i) => {
      const own = record.settings.every((m) => m === record.pairs);
      record.shared = !own;
      const text = `${record.pairs} pairs of ${record.settings[0]} and ${record.settings[1]} settings`;
      choice.add(new Option(text, i));
    });
    choice.addEventListener("change", () => set("record", Number(choice.value)));
    const step = (by) => () => set("record", clamp(state.record + by, 0, DATA.records.length - 1));
    document.getElementById("record-before").addEventListener("click", step(-1));
    document.getElementById("record-after").addEventListener("click", step(1));
    const ladder = document.getElementById("plot-ladder");
    this.ladder = new Plot(
      ladder,
      { low: 3.5, high: 140, log: true, ticks: [4, 6, 8, 12, 20, 30, 60, 120], label: "setting pairs" },
      { low: 0.842, high: 0.985, digits: 2, ticks: [0.86, 0.88, 0.9, 0.92, 0.94, 0.96, 0.98], label: "threshold V" },
    );
    ladder.addEventListener("click", (e) => {
      const box = ladder.getBoundingClientRect();
      const far = (r) => {
        const [x, y] = this.ladder.at(r.pairs, r.threshold);
        return Math.hypot(x - (e.clientX - box.left), y - (e.clientY - box.top));
      };
      const near = DATA.records.reduce((best, r, i, all) => (far(r) < far(all[best]) ? i : best), 0);
      set("record", near);
    });
  },

  update() {
    const record = (this.now = DATA.records[state.record]);
    document.getElementById("record-choice").value = state.record;
    document.getElementById("record-before").disabled = state.record === 0;
    document.getElementById("record-after").disabled = state.record === DATA.records.length - 1;
    for (const id of ["pair-choice", "pair-number"]) document.getElementById(id).max = record.pairs;
    const k = Math.min(state.pair, record.pairs);
    if (k !== state.pair) return set("pair", k);
    const [a, b] = [record.a[k - 1], record.b[k - 1]];
    number("record-threshold", record.threshold, 6);
    number("record-excess", record.threshold - DATA.V_c, 6);
    number("record-pairs", record.pairs, 0);
    say("record-settings", `${record.settings[0]} and ${record.settings[1]}`);
    number("pair-coefficient", record.coefficients[k - 1], 6);
    number("pair-angle", Math.acos(clamp(leggett.dot(a, b), -1, 1)) / (TAU / 360), 2, "\u00b0");
    const vector = (x) => `(${x.map((c) => shown(c, 3)).join(", ")})`;
    say("pair-a", vector(a));
    say("pair-b", vector(b));
    say(
      "record-verdict",
      `${record.pairs} setting pairs suffice: above V = ${shown(record.threshold)} no Leggett model is left.`,
    );
    say(
      "record-why",
      this.beside(record) +
        (record.threshold < Math.sqrt(3) / 2
          ? "This one goes below \u221a3/2 = 0.8660, the limit of the published ones for infinitely many pairs."
          : ""),
    );
    redraw(this.draw, this);
  },

  /** What is published with at most as many pairs or, where pairs share settings, with at most as many of these:
      the published inequality of N pairs takes N/2 settings of one party and N of the other. */
  beside({ pairs, settings, shared }) {
    const [few, many] = [Math.min(...settings), Math.max(...settings)];
    const fits = (n) => n !== null && (shared ? n <= 2 * few && n <= many : n <= pairs);
    const best = Math.min(...DATA.published.filter((p) => fits(p.pairs)).map((p) => p.threshold), Infinity);
    const what = shared ? "settings" : "pairs";
    const own = shared ? `They share ${settings[0]} settings of Alice and ${settings[1]} of Bob. ` : "";
    return (
      own +
      (best === Infinity
        ? `No published inequality has so few ${what}. `
        : `The best published inequality with at most as many ${what} begins at ${shown(best)}. `)
    );
  },

  draw() {
    this.drawSpheres();
    this.drawLadder();
  },

  drawSpheres() {
    const { a, b, coefficients, pairs, shared } = this.now;
    const named = pairs <= 12 && !shared;
    const largest = Math.max(...coefficients.map(Math.abs));
    for (const [sphere, own, other, style] of [
      [this.alice, a, b, "blue"],
      [this.bob, b, a, "red"],
    ]) {
      sphere.begin();
      sphere.grid();
      const [behind, front] = [[], []];
      own.forEach((x, i) => (sphere.place(x)[2] < 0 ? behind : front).push(i));
      const chosen = state.pair - 1;
      for (const i of [...behind, ...front].filter((n) => n !== chosen)) {
        const size = (pairs > 30 ? 3 : 4) + 3 * Math.sqrt(Math.abs(coefficients[i]) / largest);
        sphere.mark(own[i], named && sphere.place(own[i])[2] >= 0 ? `${i + 1}` : "", colour(style), size);
      }
      const radius = Math.acos(clamp(leggett.dot(own[chosen], other[chosen]), -1, 1));
      if (radius > 1e-6) {
        const axis = leggett.sum(
          other[chosen],
          own[chosen].map((c) => c * Math.cos(radius)),
          -1,
        );
        const unit = axis.map((c) => c / leggett.norm(axis));
        const way = (t) =>
          leggett.sum(
            own[chosen].map((c) => c * Math.cos(t * radius)),
            unit.map((c) => c * Math.sin(t * radius)),
          );
        sphere.curve(way, colour("ink"), 2);
      }
      sphere.mark(own[chosen], `${state.pair}`, colour("orange"), 8);
    }
  },

  drawLadder() {
    const plot = this.ladder;
    plot.begin();
    const { g } = plot;
    const rule = (V, text, below) => {
      line(g, [plot.at(plot.x.low, V), plot.at(plot.x.high, V)], colour("muted"), 1.3, [2, 3]);
      words(g, text, plot.box[2], plot.up(V) + (below ? 10 : -9), { align: "right", size: 12, style: colour("muted") });
    };
    rule(Math.sqrt(3) / 2, "\u221a3/2, limit of the published", false);
    rule(DATA.V_c, "critical visibility, which a model reaches", true);
    const square = (x, y, size, fill, style) => {
      g.beginPath();
      g.rect(x - size, y - size, 2 * size, 2 * size);
      g.fillStyle = fill;
      g.fill();
      g.strokeStyle = style;
      g.lineWidth = 1.8;
      g.stroke();
    };
    for (const { pairs, threshold } of DATA.published) {
      if (pairs) square(...plot.at(pairs, threshold), 4.5, colour("paper"), colour("ink"));
    }
    for (const { pairs, threshold, shared } of DATA.records) {
      const [x, y] = plot.at(pairs, threshold);
      if (!shared) disc(g, x, y, 5, colour("blue"));
      else {
        g.beginPath();
        g.moveTo(x, y - 6);
        g.lineTo(x + 6, y + 4.5);
        g.lineTo(x - 6, y + 4.5);
        g.closePath();
        g.fillStyle = colour("red");
        g.fill();
        g.strokeStyle = colour("paper");
        g.stroke();
      }
    }
    const [x, y] = plot.at(this.now.pairs, this.now.threshold);
    g.beginPath();
    g.arc(x, y, 11, 0, TAU);
    g.strokeStyle = colour("orange");
    g.lineWidth = 3;
    g.stroke();
  },
};
