/* The third part: up to which visibility Werner states are compatible with each notion. */
const axis = {
  start() {
    const body = document.querySelector("#known tbody");
    for (const { visibility, words: what, source } of DATA.known) {
      const row = body.insertRow();
      row.insertCell().textContent = shown(visibility, 5);
      row.insertCell().textContent = what;
      row.insertCell().textContent = source;
      row.cells[0].dataset.value = visibility;
    }
    this.canvas = document.getElementById("plot-axis");
    const move = (e) => {
      if (e.type !== "pointerdown" && !e.buttons) return;
      const box = this.canvas.getBoundingClientRect();
      set("V", clamp((e.clientX - box.left - this.left) / (this.right - this.left), 0, 1));
    };
    for (const name of ["pointerdown", "pointermove"]) this.canvas.addEventListener(name, move);
  },

  /** What is known at V of one notion: a model, an inequality that is broken, or neither. */
  verdict({ model, broken }) {
    if (state.V <= model) return "compatible";
    return state.V >= broken ? "incompatible" : "open";
  },

  update() {
    const list = document.getElementById("axis-verdicts");
    list.replaceChildren();
    const found = {};
    for (const notion of DATA.notions) {
      const answer = (found[notion.name] = this.verdict(notion));
      const item = document.createElement("li");
      item.className = answer;
      item.dataset.notion = notion.name;
      item.dataset.value = answer;
      const [strong, rest] = [document.createElement("strong"), document.createElement("span")];
      strong.textContent = `${notion.title}: ${{ compatible: "yes", incompatible: "no", open: "not known" }[answer]}`;
      rest.textContent = notion.meaning;
      item.append(strong, rest);
      list.append(item);
    }
    const here = `At V = ${shown(state.V, 3)}`;
    const kind = found.separable === "incompatible" ? "is entangled, and still has" : "is separable, and has";
    const model = `${here} the state ${kind} a Leggett model.`;
    say("axis-verdict", found.leggett === "incompatible" ? `${here} no Leggett model is left.` : model);
    redraw(this.draw, this);
  },

  draw() {
    const { g, width, height } = cleared(this.canvas);
    [this.left, this.right] = [16, width - 16];
    const x = (V) => this.left + (this.right - this.left) * V;
    const foot = height - 52;
    for (const tick of range(0, 1, 10)) {
      line(
        g,
        [
          [x(tick), 8],
          [x(tick), foot],
        ],
        colour("grid"),
        1,
      );
      const every = width < 480 && Math.round(tick * 10) % 2;
      if (!every)
        words(g, shown(tick, 1), x(tick), foot + 18, { align: "center", size: 12, style: colour("muted"), rim: 0 });
    }
    words(g, "visibility V of the Werner state", width / 2, height - 10, { align: "center", rim: 0 });
    const row = foot / DATA.notions.length;
    DATA.notions.forEach(({ title, model, broken }, i) => {
      const y = row * (i + 0.68);
      line(
        g,
        [
          [x(0), y],
          [x(model), y],
        ],
        colour("blue"),
        9,
      );
      if (broken > model)
        line(
          g,
          [
            [x(model), y],
            [x(broken), y],
          ],
          colour("muted"),
          4,
          [2, 4],
        );
      line(
        g,
        [
          [x(broken), y],
          [x(1), y],
        ],
        colour("red"),
        2.5,
        [8, 5],
      );
      const text = broken - model > 1e-9 ? `${shown(model, 5)} to ${shown(broken, 5)}` : shown(model, 5);
      words(g, `${title}: ${text}`, x(0), y - 19, { size: width < 480 ? 12 : 14 });
      line(
        g,
        [
          [x(model), y - 10],
          [x(model), y + 10],
        ],
        colour("ink"),
        2,
      );
      if (broken - model > 1e-9)
        line(
          g,
          [
            [x(broken), y - 10],
            [x(broken), y + 10],
          ],
          colour("ink"),
          2,
        );
    });
    const here = x(state.V);
    line(
      g,
      [
        [here, 4],
        [here, foot],
      ],
      colour("green"),
      2,
    );
    disc(g, here, foot, 8, colour("green"), colour("paper"), 2);
  },
};
