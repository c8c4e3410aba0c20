/* The first part: one pair of settings, and the model of [B13 (9)] there. */
const pair = {
  view: new View(-68, 18),
  plane: range(-180, 180, 240),
  angles: range(0, 180, 360),

  start() {
    const sphere = (id) => new Sphere(document.getElementById(id), this.view);
    this.spheres = {
      lower: sphere("sphere-lower"),
      upper: sphere("sphere-upper"),
      smallest: sphere("sphere-smallest"),
    };
    this.view.changed = () => redraw(this.drawSpheres, this);
    this.circle = new Plot(
      document.getElementById("plot-circle"),
      {
        low: -180,
        high: 180,
        ticks: [-180, -90, 0, 90, 180],
        label: "angle between u and a, along the circle (degrees)",
      },
      { low: -1.1, high: 1.1, ticks: [-1, -0.5, 0, 0.5, 1], label: "correlator C" },
    );
    const map = document.getElementById("plot-angles");
    this.map = new Plot(
      map,
      { low: 0, high: 180, ticks: [0, 30, 60, 90, 120, 150, 180], label: "angle between a and b (degrees)" },
      { low: 0.7, high: 1, ticks: [0.7, 0.8, 0.9, 1], label: "visibility V" },
    );
    let held = false;
    const drag = (e) => {
      if (!held) return;
      const { left, top } = map.getBoundingClientRect();
      const [x0, y0, x1, y1] = this.map.box;
      set("angle", clamp(((e.clientX - left - x0) / (x1 - x0)) * 180, 0, 180));
      set("V", clamp(1 - ((e.clientY - top - y0) / (y1 - y0)) * 0.3, 0.7, 1));
    };
    map.addEventListener("pointerdown", (e) => {
      held = true;
      map.setPointerCapture(e.pointerId);
      drag(e);
    });
    map.addEventListener("pointermove", drag);
    for (const name of ["pointerup", "pointercancel"]) map.addEventListener(name, () => (held = false));
  },

  /** All numbers of this part, from the controls; a is the z axis, b in the plane y = 0. */
  compute() {
    const { V, angle, polar, azimuth } = state;
    const [a, b] = [leggett.direction(0), leggett.direction(angle)];
    const u = leggett.direction(polar, azimuth);
    const v = leggett.minus(u);
    const [lower, upper] = leggett.bounds(u, v, a, b);
    const [averageLower, averageUpper] = leggett.averagedBounds(a, b);
    const [pMinus, pPlus] = leggett.weights(V, a, b);
    const P = leggett.modelProbabilities(V, u, a, b);
    return {
      V,
      angle,
      a,
      b,
      u,
      v,
      lower,
      upper,
      averageLower,
      averageUpper,
      pMinus,
      pPlus,
      P,
      alice: leggett.dot(u, a),
      bob: leggett.dot(v, b),
      C: leggett.correlator(V, u, a, b),
      target: leggett.target(V, a, b),
      smallest: leggett.smallestProbability(V, a, b),
      critical: leggett.criticalVisibility(a, b),
    };
  },

  update() {
    const now = (this.now = this.compute());
    const names = {
      alice: now.alice,
      bob: now.bob,
      lower: now.lower,
      upper: now.upper,
      C: now.C,
      "p-minus": now.pMinus,
      "p-plus": now.pPlus,
      target: now.target,
      "average-lower": now.averageLower,
      "average-upper": now.averageUpper,
      "P-pp": now.P[0],
      "P-pm": now.P[1],
      "P-mp": now.P[2],
      "P-mm": now.P[3],
      smallest: now.smallest,
    };
    for (const [name, value] of Object.entries(names)) number(name, value, 6);
    if (now.critical < 1) number("critical", now.critical, 6);
    else say("critical", "none up to 1");
    // Which of the two weights is negative says which outcomes are.
    const negative = now.pPlus < -1e-15 ? "equal" : now.pMinus < -1e-15 ? "opposite" : "none";
    const which = { none: "none", equal: "++ and \u2212\u2212", opposite: "+\u2212 and \u2212+" }[negative];
    say("outcomes", which);
    document.getElementById("outcomes").dataset.value = negative;
    for (const [i, name] of ["pp", "pm", "mp", "mm"].entries()) {
      document.getElementById(`P-${name}`).classList.toggle("negative", now.P[i] < -1e-15);
    }
    const fails = negative !== "none";
    say(
      "pair-verdict",
      fails
        ? "The model fails here: it needs negative probabilities."
        : "The model works here: no probability is negative.",
    );
    document.getElementById("pair-verdict").classList.toggle("fails", fails);
    say("pair-why", fails ? this.whyItFails(now, which) : this.whyItWorks(now));
    say("smallest-step", `lines ${now.smallest < 0 ? 0.01 : 0.025} apart`);
    redraw(this.draw, this);
  },

  whyItFails({ target, averageLower, averageUpper, smallest }, which) {
    return (
      `The average asked for, ${shown(target)}, lies outside what averages of allowed correlators reach, ` +
      `${shown(averageLower)} to ${shown(averageUpper)}. So a weight is negative, and with it a probability of the ` +
      `outcomes ${which.replace("and", "or")} at every u but \u00b1a and \u00b1b, ${shown(smallest)} at \u00b1a\u00d7b.`
    );
  },

  whyItWorks({ target, averageLower, averageUpper, critical }) {
    const ends =
      critical >= 1
        ? "At this angle they are so for every V up to 1."
        : `At this angle that ends at V = ${shown(critical)}.`;
    return (
      `The average asked for, ${shown(target)}, lies within what averages of allowed correlators reach, ` +
      `${shown(averageLower)} to ${shown(averageUpper)}, so both weights are non-negative. ${ends}`
    );
  },

  draw() {
    this.drawSpheres();
    this.drawCircle();
    this.drawBalance();
    this.drawMap();
  },

  drawSpheres() {
    const { V, a, b, u, v, smallest } = this.now;
    const weights = leggett.weights(V, a, b);
    const room = (x) => leggett.bounds(x, leggett.minus(x), a, b);
    const weight = Math.min(...weights);
    const least = (x) => {
      const [low, high] = room(x);
      return (weight * (high - low)) / 4;
    };
    const fields = {
      lower: [(x) => room(x)[0], -1, 1, 0.25, false],
      upper: [(x) => room(x)[1], -1, 1, 0.25, false],
      smallest: [least, -0.1, 0.25, smallest < 0 ? 0.01 : 0.025, true],
    };
    const normal = [0, (leggett.norm(leggett.sum(a, b)) * leggett.norm(leggett.sum(a, b, -1))) / 2, 0];
    const across = Math.hypot(...[0, 1].map((i) => u[i]));
    const towards = across > 1e-9 ? [u[0] / across, u[1] / across, 0] : leggett.direction(90, state.azimuth);
    const circle = (t) =>
      leggett.sum(
        a.map((x) => x * Math.cos(t * TAU)),
        towards.map((x) => x * Math.sin(t * TAU)),
      );
    for (const [name, sphere] of Object.entries(this.spheres)) {
      sphere.begin();
      sphere.paint(...fields[name]);
      sphere.curve(circle, "#ffffff", 2, false);
      if (name === "smallest" && smallest < 0 && normal[1] > 1e-6) {
        sphere.mark([0, 1, 0], "a\u00d7b", colour("orange"), 5);
        sphere.mark([0, -1, 0], "\u2212a\u00d7b", colour("orange"), 5);
      }
      sphere.mark(v, "v", colour("purple"), 5);
      sphere.mark(a, "a", colour("blue"));
      sphere.mark(b, "b", colour("red"));
      sphere.mark(u, "u", colour("green"));
    }
  },

  drawCircle() {
    const { V, a, b, lower, upper, C, target } = this.now;
    const plot = this.circle;
    plot.begin();
    const at = (angle) => leggett.direction(angle, state.azimuth);
    const bound = (i) => (angle) => leggett.bounds(at(angle), leggett.minus(at(angle)), a, b)[i];
    plot.between(this.plane, bound(0), bound(1), colour("band"));
    plot.curve(this.plane, bound(1), colour("red"), 1.8);
    plot.curve(this.plane, bound(0), colour("blue"), 1.8);
    plot.curve(this.plane, (angle) => leggett.correlator(V, at(angle), a, b), colour("ink"), 2, [7, 4]);
    line(plot.g, [plot.at(-180, target), plot.at(180, target)], colour("green"), 2, [2, 3]);
    const x = state.polar;
    line(plot.g, [plot.at(x, lower), plot.at(x, upper)], colour("muted"), 1);
    disc(plot.g, ...plot.at(x, C), 6, colour("green"));
    words(plot.g, "u", plot.at(x, C)[0] + 13, plot.at(x, C)[1] + 9, { size: 14, weight: "bold italic" });
  },

  /** The averaged bounds as a lever: the weights are the lengths of the two arms. */
  drawBalance() {
    const { averageLower, averageUpper, target, pMinus, pPlus } = this.now;
    const { g, width } = cleared(document.getElementById("plot-balance"));
    const margin = 26;
    const x = (C) => margin + ((width - 2 * margin) * (C + 1)) / 2;
    const y = 62;
    for (const tick of [-1, -0.5, 0, 0.5, 1]) {
      line(
        g,
        [
          [x(tick), y + 24],
          [x(tick), y + 30],
        ],
        colour("muted"),
        1,
      );
      words(g, shown(tick, 1), x(tick), y + 41, { align: "center", size: 12, style: colour("muted"), rim: 0 });
    }
    line(
      g,
      [
        [x(-1), y + 24],
        [x(1), y + 24],
      ],
      colour("muted"),
      1,
    );
    words(g, "average of C over u", x(0), y + 60, { align: "center", rim: 0 });
    g.fillStyle = colour("band");
    g.fillRect(x(averageLower), y - 9, x(averageUpper) - x(averageLower), 18);
    const arm = (from, to, style, weight) =>
      line(
        g,
        [
          [x(from), y],
          [x(to), y],
        ],
        colour(style),
        weight < 0 ? 2 : 5,
        weight < 0 ? [4, 4] : [],
      );
    arm(averageLower, target, "red", pPlus);
    arm(target, averageUpper, "blue", pMinus);
    for (const [C, style] of [
      [averageLower, "blue"],
      [averageUpper, "red"],
    ]) {
      line(
        g,
        [
          [x(C), y - 12],
          [x(C), y + 12],
        ],
        colour(style),
        3,
      );
    }
    g.beginPath();
    g.moveTo(x(target), y + 3);
    g.lineTo(x(target) - 8, y + 19);
    g.lineTo(x(target) + 8, y + 19);
    g.closePath();
    g.fillStyle = colour("green");
    g.fill();
    const asked = { align: "center", style: colour("green-text"), rim: 0, within: width };
    words(g, "asked for: \u2212V a\u00b7b", x(target), y - 48, asked);
    line(
      g,
      [
        [x(target), y - 39],
        [x(target), y - 3],
      ],
      colour("green"),
      1.5,
      [2, 3],
    );
    const look = (p, align) => ({
      align,
      within: width,
      weight: p < 0 ? "bold" : "",
      style: colour(p < 0 ? "red-text" : "ink"),
    });
    const ends = [averageLower, target, averageUpper].map(x);
    words(g, `p\u207a = ${shown(pPlus)}`, Math.min(...ends) - 8, y - 22, look(pPlus, "right"));
    words(g, `p\u207b = ${shown(pMinus)}`, Math.max(...ends) + 8, y - 22, look(pMinus, "left"));
  },

  drawMap() {
    const { V, angle } = this.now;
    const plot = this.map;
    plot.begin();
    const limit = (x) => Math.min(1, leggett.criticalVisibility(leggett.direction(0), leggett.direction(x)));
    plot.between(this.angles, () => plot.y.low, limit, colour("band"));
    plot.curve(this.angles, limit, colour("ink"), 2);
    line(plot.g, [plot.at(0, leggett.V_C), plot.at(180, leggett.V_C)], colour("muted"), 1.3, [2, 3]);
    words(plot.g, `critical visibility ${shown(leggett.V_C)}`, plot.across(90), plot.up(leggett.V_C) + 13, {
      align: "center",
      size: 12,
      style: colour("muted"),
      rim: 0,
    });
    words(plot.g, "no negative probability", plot.across(90), plot.up(0.76), { align: "center", rim: 0 });
    for (const x of [34, 146]) {
      words(plot.g, "negative", plot.across(x), plot.up(0.94), { align: "center", size: 12, rim: 0 });
    }
    const low = V < plot.y.low;
    disc(plot.g, ...plot.at(angle, Math.max(V, plot.y.low)), 7, colour("green"), colour("paper"), 2);
    if (low) words(plot.g, "V lies below", plot.across(clamp(angle, 30, 150)), plot.up(0.7) - 18, { align: "center" });
  },
};
