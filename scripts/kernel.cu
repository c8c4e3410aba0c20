/* The yardstick on a GPU, which scripts/yardsticks.py compiles with REAL defined as double or float.
 *
 * accumulate, accumulate_moduli: what kernel.c does, for one slice of the hidden vectors a row of the grid. A thread
 * keeps one setting pair, its sums and its extrema in registers; all threads of a warp read the same hidden vector at
 * once.
 *
 * peak: the roof, fused multiply-adds in registers.
 */

/* |x|, the smaller and the larger, in one instruction each where there is one. */
static inline __device__ bool single() { return sizeof(REAL) == sizeof(float); }
static inline __device__ REAL modulus(REAL x) { return single() ? (REAL)fabsf(x) : (REAL)fabs(x); }
static inline __device__ REAL least(REAL x, REAL y) { return single() ? (REAL)fminf(x, y) : x < y ? x : y; }
static inline __device__ REAL most(REAL x, REAL y) { return single() ? (REAL)fmaxf(x, y) : x > y ? x : y; }

struct alignas(4 * sizeof(REAL)) vector { REAL x, y, z, unused; };

/* u: 4 x num, the fourth number unused, aligned for one load; a, b: 3 x pairs; minus, plus: 2 x pairs, the weights p^-,
 * p^+ at the two visibilities. Slice s of `slices` writes row s of sum and smallest (slices x 2 x pairs). */
extern "C" __global__ void accumulate(long num, long pairs, long slices, const REAL *__restrict__ u,
                                      const REAL *__restrict__ a, const REAL *__restrict__ b,
                                      const REAL *__restrict__ minus, const REAL *__restrict__ plus,
                                      REAL *__restrict__ sum, REAL *__restrict__ smallest) {
    const vector *hidden = (const vector *)u;
    long i = (long)blockIdx.x * blockDim.x + threadIdx.x, slice = blockIdx.y;
    if (i >= pairs) return;
    const REAL ax = a[i], ay = a[pairs + i], az = a[2 * pairs + i];
    const REAL bx = b[i], by = b[pairs + i], bz = b[2 * pairs + i];
    const REAL m0 = minus[i], m1 = minus[pairs + i], p0 = plus[i], p1 = plus[pairs + i];
    REAL c0 = 0, c1 = 0, q0 = 4, q1 = 4;
#pragma unroll 8
    for (long n = slice * num / slices; n < (slice + 1) * num / slices; n++) {
        const vector h = hidden[n];
        REAL ua = h.x * ax + h.y * ay + h.z * az;
        REAL ub = h.x * bx + h.y * by + h.z * bz;
        REAL lower = modulus(ua - ub) - 1, upper = 1 - modulus(ua + ub);
        REAL x = m0 * lower + p0 * upper, y = m1 * lower + p1 * upper;
        c0 += x;
        c1 += y;
        q0 = least(q0, least(x - lower, upper - x));
        q1 = least(q1, least(y - lower, upper - y));
    }
    long row = 2 * slice * pairs + i;
    sum[row] = c0;
    sum[row + pairs] = c1;
    smallest[row] = q0 / 4;
    smallest[row + pairs] = q1 / 4;
}

/* With x = u.a, y = v.b and m = max(|x|, |y|): slice s writes the sums of m and |x + y| to row s of sum, the smallest
 * and the largest m to row s of extrema (slices x 2 x pairs). */
extern "C" __global__ void accumulate_moduli(long num, long pairs, long slices, const REAL *__restrict__ u,
                                             const REAL *__restrict__ a, const REAL *__restrict__ b,
                                             REAL *__restrict__ sum, REAL *__restrict__ extrema) {
    const vector *hidden = (const vector *)u;
    long i = (long)blockIdx.x * blockDim.x + threadIdx.x, slice = blockIdx.y;
    if (i >= pairs) return;
    const REAL ax = a[i], ay = a[pairs + i], az = a[2 * pairs + i];
    const REAL bx = b[i], by = b[pairs + i], bz = b[2 * pairs + i];
    REAL m = 0, d = 0, low = 4, high = 0;
#pragma unroll 8
    for (long n = slice * num / slices; n < (slice + 1) * num / slices; n++) {
        const vector h = hidden[n];
        REAL ua = h.x * ax + h.y * ay + h.z * az;
        REAL ub = h.x * bx + h.y * by + h.z * bz;
        REAL larger = most(modulus(ua), modulus(ub));
        m += larger;
        d += modulus(ua - ub);
        low = least(low, larger);
        high = most(high, larger);
    }
    long row = 2 * slice * pairs + i;
    sum[row] = m;
    sum[row + pairs] = d;
    extrema[row] = low;
    extrema[row + pairs] = high;
}

#define LANES 16

/* 2 LANES rounds operations a thread; writes a number that depends on all of them. */
extern "C" __global__ void peak(long rounds, REAL *out) {
    REAL x[LANES], factor = 1 - (REAL)1e-6, step = (REAL)1e-6 * (1 + threadIdx.x);
    for (int i = 0; i < LANES; i++) x[i] = i;
#pragma unroll 4
    for (long round = 0; round < rounds; round++)
        for (int i = 0; i < LANES; i++) x[i] = x[i] * factor + step;
    REAL total = 0;
    for (int i = 0; i < LANES; i++) total += x[i];
    out[(long)blockIdx.x * blockDim.x + threadIdx.x] = total;
}
