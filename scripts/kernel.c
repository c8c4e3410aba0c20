/* What `jaxleggett verify` accumulates, by hand: for every setting pair the sum of the correlator of [B13 (9)] at two
 * visibilities and the smallest probability, over hidden vectors u (v = -u). Pairs are cut into blocks that stay
 * in the first cache; the inner loop runs over pairs and is vectorised; several hidden vectors share one pass.
 *
 * Built by scripts/benchmark.py with -DREAL=double and -DREAL=float.
 */
#include <math.h>

#define BLOCK 512
#define UNROLL 8

static inline REAL least(REAL x, REAL y) { return x < y ? x : y; }

/* u: 3 x num; a, b: 3 x pairs; minus, plus: 2 x pairs, the weights p^-, p^+ at the two visibilities. num % UNROLL == 0,
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
        for (long n = 0; n < num; n += UNROLL) {
            const REAL *ux = u + n, *uy = ux + num, *uz = uy + num;
            for (int i = 0; i < BLOCK; i++) {
                REAL c0 = 0, c1 = 0, q0 = l0[i], q1 = l1[i];
                for (int k = 0; k < UNROLL; k++) {
                    REAL ua = ux[k] * ax[i] + uy[k] * ay[i] + uz[k] * az[i];
                    REAL ub = ux[k] * bx[i] + uy[k] * by[i] + uz[k] * bz[i];
                    REAL lower = (REAL)fabs(ua - ub) - 1, upper = 1 - (REAL)fabs(ua + ub);
                    REAL x = m0[i] * lower + p0[i] * upper, y = m1[i] * lower + p1[i] * upper;
                    c0 += x;
                    c1 += y;
                    q0 = least(q0, least(x - lower, upper - x) / 4);
                    q1 = least(q1, least(y - lower, upper - y) / 4);
                }
                s0[i] += c0;
                s1[i] += c1;
                l0[i] = q0;
                l1[i] = q1;
            }
        }
    }
}
