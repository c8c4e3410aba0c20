/* The yardsticks in C, which scripts/yardsticks.py compiles with -DREAL=double and -DREAL=float.
 *
 * accumulate, accumulate_moduli: what `jaxleggett verify` accumulates, by hand, in the general form and in that for
 * correlators which interpolate. For every setting pair the sum of the correlator of [B13 (9)] at two visibilities and
 * the smallest probability; or sums and extrema from which these follow for any visibility. Over hidden vectors u
 * (v = -u). Lanes of vector registers are hidden vectors, GROUP of which stay in the first cache while they meet BLOCK
 * pairs; sums and extrema stay in registers.
 *
 * peak, triad: the roofs. Fused multiply-adds in registers, and x = y + z s over arrays of a given length.
 */
#include <tgmath.h> /* fabs in the precision of its argument */

#define BLOCK 512
#define GROUP 128

static inline REAL least(REAL x, REAL y) { return x < y ? x : y; }
static inline REAL most(REAL x, REAL y) { return x > y ? x : y; }

/* u: 3 x num; a, b: 3 x pairs; minus, plus: 2 x pairs, the weights p^-, p^+ at the two visibilities. num % GROUP == 0,
 * pairs % BLOCK == 0. Adds to sum (2 x pairs), lowers smallest (2 x pairs). */
void accumulate(long num, long pairs, const REAL *u, const REAL *a, const REAL *b, const REAL *minus,
                const REAL *plus, double *sum, REAL *smallest) {
#pragma omp parallel for schedule(static)
    for (long start = 0; start < pairs; start += BLOCK) {
        const REAL *ax = a + start, *ay = ax + pairs, *az = ay + pairs;
        const REAL *bx = b + start, *by = bx + pairs, *bz = by + pairs;
        const REAL *m0 = minus + start, *m1 = m0 + pairs, *p0 = plus + start, *p1 = p0 + pairs;
        double *s0 = sum + start, *s1 = s0 + pairs;
        REAL *l0 = smallest + start, *l1 = l0 + pairs;
        for (long n = 0; n < num; n += GROUP) {
            const REAL *ux = u + n, *uy = ux + num, *uz = uy + num;
            for (int i = 0; i < BLOCK; i++) {
                REAL c0 = 0, c1 = 0, q0 = 4 * l0[i], q1 = 4 * l1[i];
                for (int k = 0; k < GROUP; k++) {
                    REAL ua = ux[k] * ax[i] + uy[k] * ay[i] + uz[k] * az[i];
                    REAL ub = ux[k] * bx[i] + uy[k] * by[i] + uz[k] * bz[i];
                    REAL lower = fabs(ua - ub) - 1, upper = 1 - fabs(ua + ub);
                    REAL x = m0[i] * lower + p0[i] * upper, y = m1[i] * lower + p1[i] * upper;
                    c0 += x;
                    c1 += y;
                    q0 = least(q0, least(x - lower, upper - x));
                    q1 = least(q1, least(y - lower, upper - y));
                }
                s0[i] += c0;
                s1[i] += c1;
                l0[i] = q0 / 4;
                l1[i] = q1 / 4;
            }
        }
    }
}

/* With x = u.a, y = v.b and m = max(|x|, |y|): adds the sums of m and |x + y| to sum (2 x pairs), and moves extrema
 * (2 x pairs), the smallest and the largest m. */
void accumulate_moduli(long num, long pairs, const REAL *u, const REAL *a, const REAL *b, double *sum, REAL *extrema) {
#pragma omp parallel for schedule(static)
    for (long start = 0; start < pairs; start += BLOCK) {
        const REAL *ax = a + start, *ay = ax + pairs, *az = ay + pairs;
        const REAL *bx = b + start, *by = bx + pairs, *bz = by + pairs;
        double *s0 = sum + start, *s1 = s0 + pairs;
        REAL *e0 = extrema + start, *e1 = e0 + pairs;
        for (long n = 0; n < num; n += GROUP) {
            const REAL *ux = u + n, *uy = ux + num, *uz = uy + num;
            for (int i = 0; i < BLOCK; i++) {
                REAL m = 0, d = 0, low = e0[i], high = e1[i];
                for (int k = 0; k < GROUP; k++) {
                    REAL ua = ux[k] * ax[i] + uy[k] * ay[i] + uz[k] * az[i];
                    REAL ub = ux[k] * bx[i] + uy[k] * by[i] + uz[k] * bz[i];
                    REAL larger = most(fabs(ua), fabs(ub));
                    m += larger;
                    d += fabs(ua - ub);
                    low = least(low, larger);
                    high = most(high, larger);
                }
                s0[i] += m;
                s1[i] += d;
                e0[i] = low;
                e1[i] = high;
            }
        }
    }
}

#ifdef __AVX512F__
#define REGISTER 64
#else
#define REGISTER 32
#endif
#define LANES (12 * REGISTER / (int)sizeof(REAL)) /* twelve vector registers */

/* 2 LANES rounds operations on each of `threads` threads (lanes() gives LANES); returns a number that depends on all of
 * them. */
double peak(long threads, long rounds) {
    double total = 0;
#pragma omp parallel for schedule(static) reduction(+ : total)
    for (long thread = 0; thread < threads; thread++) {
        REAL x[LANES], factor = 1 - (REAL)1e-6, step = (REAL)1e-6 * (1 + thread);
        for (int i = 0; i < LANES; i++) x[i] = i;
#pragma GCC unroll 4
        for (long round = 0; round < rounds; round++)
            for (int i = 0; i < LANES; i++) x[i] = x[i] * factor + step;
        for (int i = 0; i < LANES; i++) total += x[i];
    }
    return total;
}

int lanes(void) { return LANES; }

/* x = y + z s, `rounds` times, over `threads` separate stretches of `length`. */
void triad(long threads, long length, long rounds, REAL *x, const REAL *y, const REAL *z) {
#pragma omp parallel for schedule(static)
    for (long thread = 0; thread < threads; thread++) {
        REAL *to = x + thread * length;
        const REAL *from = y + thread * length, *more = z + thread * length;
        for (long round = 0; round < rounds; round++) {
            REAL s = (REAL)0.5 + round;
            for (long i = 0; i < length; i++) to[i] = from[i] + more[i] * s;
        }
    }
}
