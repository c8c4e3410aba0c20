"""Tolerances by name, each with the worst value seen when it was set."""

EXACT = 1e-13  # quadrature of any model against its target; worst seen 2.3e-15
SMALLEST = 1e-12  # smallest probability of `exact` against min(p+, p-, 0)/2; worst seen 3e-16
RQMC_4E6 = 2e-8  # rqmc, 4e6 samples, 1024 random pairs, double; worst seen 1.1e-8
SAME_ARITHMETIC = 5e-14  # the kernel against NumPy on the same hidden vectors; worst seen 2e-15
SINGLE = 5e-7  # single precision against double; worst seen 6e-8
EXACT_SINGLE = 1e-5  # quadrature in single precision; worst seen 3e-7
ALGEBRA = 1e-14  # closed forms against closed forms; worst seen 9e-16
