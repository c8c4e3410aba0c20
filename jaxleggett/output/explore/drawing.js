/* Drawing on canvases: colours of the theme, spheres that turn, plots with axes. Knows no physics. */
const TAU = 2 * Math.PI;
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const shown = (x, digits = 4) =>
  x
    .toFixed(digits)
    .replace(/^-(?=0\.?0*$)/, "")
    .replace("-", "\u2212");

/** A colour of page.css by its name; the page may turn dark while it is open. */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Colours from dark blue to light yellow, after the map cividis; their order can be seen in grey, and by colour-blind
    readers. */
const STOPS = [
  [0, 34, 78],
  [53, 69, 108],
  [102, 105, 112],
  [148, 142, 119],
  [200, 184, 102],
  [254, 232, 56],
];

function shade(x) {
  const place = clamp(x, 0, 1) * (STOPS.length - 1);
  const i = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[i].map((low, k) => low + (STOPS[i + 1][k] - low) * (place - i));
}
const SHADES = Array.from({ length: 512 }, (_, i) => shade(i / 511));

/** The drawing context of a canvas in CSS pixels, cleared, at the resolution of the screen. */
function cleared(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const g = canvas.getContext("2d");
  g.setTransform(scale, 0, 0, scale, 0, 0);
  g.clearRect(0, 0, width, height);
  g.lineJoin = "round";
  return { g, width, height, scale };
}

function line(g, points, style, width = 1.5, dash = []) {
  g.beginPath();
  points.forEach(([x, y], i) => (i ? g.lineTo(x, y) : g.moveTo(x, y)));
  g.strokeStyle = style;
  g.lineWidth = width;
  g.setLineDash(dash);
  g.stroke();
  g.setLineDash([]);
}

/** Words with a rim of the background's colour, so that they can be read on any drawing, moved to stay `within`. */
function words(g, text, x, y, { align = "left", size = 13, weight = "", style = colour("ink"), rim = 3, within } = {}) {
  g.font = `${weight} ${size}px ${FONT}`;
  g.textAlign = align;
  g.textBaseline = "middle";
  if (within) {
    const before = g.measureText(text).width * { left: 0, center: 0.5, right: 1 }[align];
    x = clamp(x, before + 2, within - 2 - g.measureText(text).width + before);
  }
  if (rim) {
    g.strokeStyle = colour("paper");
    g.lineWidth = rim;
    g.strokeText(text, x, y);
  }
  g.fillStyle = style;
  g.fillText(text, x, y);
}
const FONT = '"Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif';

function disc(g, x, y, radius, fill, rim = colour("paper"), width = 1.5) {
  g.beginPath();
  g.arc(x, y, radius, 0, TAU);
  g.fillStyle = fill;
  g.fill();
  g.strokeStyle = rim;
  g.lineWidth = width;
  g.stroke();
}

/** From where spheres are looked at: `yaw` about z and `tilt` above the equator, in degrees. Spheres may share one. */
class View {
  constructor(yaw, tilt) {
    Object.assign(this, { yaw, tilt, start: [yaw, tilt], changed: () => {} });
  }

  turn(yaw, tilt) {
    this.yaw = (this.yaw + yaw) % 360;
    this.tilt = clamp(this.tilt + tilt, -90, 90);
    this.changed();
  }

  reset() {
    [this.yaw, this.tilt] = this.start;
    this.changed();
  }

  /** Unit vectors to the right, upwards and towards the reader. */
  axes() {
    const [y, t] = [(this.yaw * TAU) / 360, (this.tilt * TAU) / 360];
    return [
      [-Math.sin(y), Math.cos(y), 0],
      [-Math.sin(t) * Math.cos(y), -Math.sin(t) * Math.sin(y), Math.cos(t)],
      [Math.cos(t) * Math.cos(y), Math.cos(t) * Math.sin(y), Math.sin(t)],
    ];
  }

  /** Let a canvas turn the view: by dragging with a mouse or a finger, by arrow keys, and back by Home. */
  listen(canvas) {
    let last = null;
    canvas.addEventListener("pointerdown", (e) => {
      last = [e.clientX, e.clientY];
      canvas.setPointerCapture(e.pointerId);
    });
    canvas.addEventListener("pointermove", (e) => {
      if (!last) return;
      this.turn((last[0] - e.clientX) * 0.5, (e.clientY - last[1]) * 0.5);
      last = [e.clientX, e.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (last = null));
    canvas.addEventListener("keydown", (e) => {
      const step = e.shiftKey ? 15 : 5;
      const turns = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
      if (e.key === "Home") this.reset();
      else if (turns[e.key]) this.turn(...turns[e.key]);
      else return;
      e.preventDefault();
    });
  }
}

/** A sphere in parallel projection: a field in colours with lines of equal value, circles and directions. */
class Sphere {
  constructor(canvas, view) {
    Object.assign(this, { canvas, view });
    view.listen(canvas);
  }

  begin() {
    Object.assign(this, cleared(this.canvas), { axes: this.view.axes() });
    // A page that is not laid out yet has no size.
    this.radius = Math.max(Math.min(this.width, this.height) / 2 - 24, 1);
    this.canvas.dataset.view = `${this.view.yaw} ${this.view.tilt}`;
  }

  /** Where a vector is seen: [x, y, depth], depth above 0 on the reader's side. */
  place(x) {
    const [right, up, depth] = this.axes.map((axis) => leggett.dot(axis, x));
    return [this.width / 2 + this.radius * right, this.height / 2 - this.radius * up, depth];
  }

  /** Paint field(u), a number from `low` to `high`, with lines every `step`; hatched where it is below 0, if asked. */
  paint(field, low, high, step, hatched = false) {
    const size = Math.round(2 * this.radius * this.scale);
    const [right, up, front] = this.axes;
    const values = new Float64Array(size * size).fill(NaN);
    const u = [0, 0, 0];
    for (let j = 0; j < size; j++) {
      const y = 1 - (2 * j + 1) / size;
      for (let i = 0; i < size; i++) {
        const x = (2 * i + 1) / size - 1;
        const rest = 1 - x * x - y * y;
        if (rest < 0) continue;
        const z = Math.sqrt(rest);
        for (let k = 0; k < 3; k++) u[k] = x * right[k] + y * up[k] + z * front[k];
        values[j * size + i] = field(u);
      }
    }
    const buffer = document.createElement("canvas");
    buffer.width = buffer.height = size;
    const context = buffer.getContext("2d");
    const image = context.createImageData(size, size);
    for (let n = 0; n < size * size; n++) {
      const value = values[n];
      if (Number.isNaN(value)) continue;
      const x = (value - low) / (high - low);
      const fill = SHADES[Math.round(511 * clamp(x, 0, 1))];
      const across = values[n % size ? n - 1 : n + 1];
      const along = values[n >= size ? n - size : n + size];
      const slope = Math.abs(across - value) + Math.abs(along - value) || 0;
      const off = Math.abs(value / step - Math.round(value / step)) * step;
      const ink = slope > 1e-9 ? clamp(0.75 * this.scale - off / slope + 0.5, 0, 1) * 0.55 : 0;
      const inked = x > 0.55 ? 0 : 255;
      const stripe =
        hatched && value < -1e-12 && ((n % size) + Math.floor(n / size)) % (9 * this.scale) < 2 * this.scale;
      const share = stripe ? 0.75 : ink;
      for (let k = 0; k < 3; k++) image.data[4 * n + k] = fill[k] + (inked - fill[k]) * share;
      image.data[4 * n + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    const { g } = this;
    g.save();
    g.beginPath();
    g.arc(this.width / 2, this.height / 2, this.radius - 0.5, 0, TAU);
    g.clip();
    const corner = [this.width / 2 - this.radius, this.height / 2 - this.radius];
    g.drawImage(buffer, ...corner, 2 * this.radius, 2 * this.radius);
    g.restore();
    this.rim();
  }

  rim(style = colour("ink")) {
    const { g } = this;
    g.beginPath();
    g.arc(this.width / 2, this.height / 2, this.radius, 0, TAU);
    g.strokeStyle = style;
    g.lineWidth = 1;
    g.stroke();
  }

  /** A curve t -> unit vector, 0 <= t <= 1: solid in front, faint behind. */
  curve(path, style, width = 1.5, behind = true) {
    const steps = 120;
    for (let n = 0; n < steps; n++) {
      const [from, to] = [this.place(path(n / steps)), this.place(path((n + 1) / steps))];
      if (to[2] < 0 && !behind) continue;
      this.g.globalAlpha = to[2] < 0 ? 0.3 : 1;
      line(this.g, [from, to], style, width);
    }
    this.g.globalAlpha = 1;
  }

  /** The equator and two meridians, so that one sees an empty sphere turn. */
  grid() {
    const style = colour("grid");
    disc(this.g, this.width / 2, this.height / 2, this.radius, colour("ball"), colour("muted"), 1);
    const circles = [
      (t) => [Math.cos(t), Math.sin(t), 0],
      (t) => [Math.cos(t), 0, Math.sin(t)],
      (t) => [0, Math.cos(t), Math.sin(t)],
    ];
    for (const circle of circles) this.curve((t) => circle(t * TAU), style, 1);
    for (const [name, axis] of [
      ["x", [1, 0, 0]],
      ["y", [0, 1, 0]],
      ["z", [0, 0, 1]],
    ]) {
      const [x, y, depth] = this.place(axis.map((c) => 1.12 * c));
      words(this.g, name, x, y, { align: "center", size: 12, style: colour(depth < 0 ? "faint" : "muted"), rim: 0 });
    }
  }

  /** A direction as a disc, which is open where it lies behind, with its name beside it. */
  mark(x, name, fill, size = 6) {
    const radius = size * clamp(this.radius / 100, 0.7, 1);
    const [left, top, depth] = this.place(x);
    const open = depth < 0;
    disc(this.g, left, top, radius, open ? colour("paper") : fill, open ? fill : colour("paper"), open ? 2 : 1.5);
    if (!name) return;
    if (name.length > 1 && Number.isNaN(Number(name))) {
      const side = left < this.width / 2 ? -1 : 1;
      const look = { align: side < 0 ? "right" : "left", size: 13, weight: "bold italic" };
      words(this.g, name, left + side * (radius + 4), top, look);
      return;
    }
    const [dx, dy] = [left - this.width / 2, top - this.height / 2];
    const far = Math.hypot(dx, dy) || 1;
    const out = radius + 9;
    words(this.g, name, left + (dx / far) * out, top + (far === 1 ? -out : (dy / far) * out), {
      align: "center",
      size: 14,
      weight: "bold italic",
    });
  }
}

/** A plot with axes. `x` and `y`: {low, high, ticks, label, log}; ticks are numbers or [number, text]. */
class Plot {
  constructor(canvas, x, y, margin = {}) {
    Object.assign(this, { canvas, x, y, margin: { left: 52, right: 14, top: 12, bottom: 44, ...margin } });
  }

  begin() {
    Object.assign(this, cleared(this.canvas));
    const { g, x, y, margin } = this;
    this.box = [margin.left, margin.top, this.width - margin.right, this.height - margin.bottom];
    const [left, top, right, bottom] = this.box;
    for (const tick of x.ticks) {
      const [value, text] = Array.isArray(tick) ? tick : [tick, shown(tick, x.digits ?? 0)];
      const place = this.across(value);
      line(
        g,
        [
          [place, top],
          [place, bottom],
        ],
        colour("grid"),
        1,
      );
      words(g, text, place, bottom + 13, { align: "center", size: 12, style: colour("muted"), rim: 0 });
    }
    for (const tick of y.ticks) {
      const [value, text] = Array.isArray(tick) ? tick : [tick, shown(tick, y.digits ?? 1)];
      const place = this.up(value);
      line(
        g,
        [
          [left, place],
          [right, place],
        ],
        colour("grid"),
        1,
      );
      words(g, text, left - 7, place, { align: "right", size: 12, style: colour("muted"), rim: 0 });
    }
    line(
      g,
      [
        [left, bottom],
        [right, bottom],
      ],
      colour("muted"),
      1,
    );
    words(g, x.label, (left + right) / 2, this.height - 9, { align: "center", size: 13, rim: 0 });
    g.save();
    g.translate(11, (top + bottom) / 2);
    g.rotate(-TAU / 4);
    words(g, y.label, 0, 0, { align: "center", size: 13, rim: 0 });
    g.restore();
  }

  across(value) {
    const [left, , right] = this.box;
    const f = this.x.log ? Math.log : Number;
    return left + ((right - left) * (f(value) - f(this.x.low))) / (f(this.x.high) - f(this.x.low));
  }

  up(value) {
    const [, top, , bottom] = this.box;
    return bottom - ((bottom - top) * (value - this.y.low)) / (this.y.high - this.y.low);
  }

  at(x, y) {
    return [this.across(x), this.up(y)];
  }

  curve(xs, f, style, width = 2, dash = []) {
    line(
      this.g,
      xs.map((x) => this.at(x, f(x))),
      style,
      width,
      dash,
    );
  }

  /** The part of the plot that lies between two functions of x. */
  between(xs, f, h, style) {
    const { g } = this;
    g.beginPath();
    xs.forEach((x, i) => (i ? g.lineTo(...this.at(x, f(x))) : g.moveTo(...this.at(x, f(x)))));
    [...xs].reverse().forEach((x) => g.lineTo(...this.at(x, h(x))));
    g.fillStyle = style;
    g.fill();
  }
}

const range = (low, high, steps) => Array.from({ length: steps + 1 }, (_, i) => low + ((high - low) * i) / steps);
