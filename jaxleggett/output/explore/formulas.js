/* The formulas of C. Branciard's note that the page needs, [B13 (n)], and nothing else: no drawing, no page.
   The tests run them beside the package's own and hold one against the other to 1e-12. */
globalThis.leggett = (() => {
  const DEGREE = Math.PI / 180;
  const OUTCOMES = [
    [1, 1],
    [1, -1],
    [-1, 1],
    [-1, -1],
  ];
  const V_C = (1 + 1 / Math.sqrt(2)) / 2;

  const dot = (x, y) => x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
  const minus = (x) => [-x[0], -x[1], -x[2]];
  const norm = (x) => Math.sqrt(dot(x, x));
  const sum = (x, y, sign = 1) => [x[0] + sign * y[0], x[1] + sign * y[1], x[2] + sign * y[2]];

  /** The unit vector at these angles, in degrees, from z and about it. */
  function direction(polar, azimuth = 0) {
    const [t, f] = [polar * DEGREE, azimuth * DEGREE];
    return [Math.sin(t) * Math.cos(f), Math.sin(t) * Math.sin(f), Math.cos(t)];
  }

  /** -1 + |M^A + M^B| <= C <= 1 - |M^A - M^B|, with M^A = u.a and M^B = v.b [B13 (5)]; for v = -u it is [B13 (7)]. */
  function bounds(u, v, a, b) {
    const [alice, bob] = [dot(u, a), dot(v, b)];
    return [-1 + Math.abs(alice + bob), 1 - Math.abs(alice - bob)];
  }

  /** Their averages over uniform u, with v = -u: -1 + sqrt((1 - a.b)/2) and 1 - sqrt((1 + a.b)/2) [B13 (8)].
      The roots are |a - b|/2 and |a + b|/2, which keep their digits where a = +-b. */
  function averagedBounds(a, b) {
    return [-1 + norm(sum(a, b, -1)) / 2, 1 - norm(sum(a, b)) / 2];
  }

  /** What a Werner state of visibility V asks of the average of C: -V a.b [B13 (6)]. */
  const target = (V, a, b) => -V * dot(a, b);

  /** [p^-, p^+]: the weights of the two bounds with which C averages to -V a.b [B13 (9)]. */
  function weights(V, a, b) {
    const [lower, upper] = averagedBounds(a, b);
    const asked = target(V, a, b);
    return [(upper - asked) / (upper - lower), (asked - lower) / (upper - lower)];
  }

  /** C_u(a, b) = p^- (lower bound at u) + p^+ (upper bound at u), of the model with v = -u [B13 (9)]. */
  function correlator(V, u, a, b) {
    const [lower, upper] = bounds(u, minus(u), a, b);
    const [pMinus, pPlus] = weights(V, a, b);
    return pMinus * lower + pPlus * upper;
  }

  /** P(alpha, beta) = (1 + alpha M^A + beta M^B + alpha beta C) / 4, in the order ++, +-, -+, -- [B13 (4)]. */
  function probabilities(alice, bob, C) {
    return OUTCOMES.map(([x, y]) => (1 + x * alice + y * bob + x * y * C) / 4);
  }

  /** The four probabilities of the model at one u. */
  function modelProbabilities(V, u, a, b) {
    return probabilities(dot(u, a), -dot(u, b), correlator(V, u, a, b));
  }

  /** The smallest probability over all u and outcomes. At each u it is min(p^+, p^-) times a quarter of the room
      between the bounds, which goes from 0 (at u = +-a, +-b) to 2 (at u = +-a x b). */
  function smallestProbability(V, a, b) {
    return Math.min(...weights(V, a, b), 0) / 2;
  }

  /** The largest V at which both weights are non-negative at these settings; Infinity where a and b are orthogonal. */
  function criticalVisibility(a, b) {
    const c = dot(a, b);
    if (c === 0) return Infinity;
    return c > 0 ? (1 - norm(sum(a, b, -1)) / 2) / c : (1 - norm(sum(a, b)) / 2) / -c;
  }

  return Object.freeze({
    OUTCOMES,
    V_C,
    averagedBounds,
    bounds,
    correlator,
    criticalVisibility,
    direction,
    dot,
    minus,
    modelProbabilities,
    norm,
    probabilities,
    smallestProbability,
    sum,
    target,
    weights,
  });
})();
