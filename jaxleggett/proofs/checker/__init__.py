"""The checker: proves bounds and brackets again, by NumPy's + - * / and square roots, and nothing else of the package.

Read it in this order: `cells` (how the sphere is cut), `circle` (means over turns about an axis), `symmetry`, `above`
and `below` (the two functions that are bounded on pairs of cells), `search` (branch and bound), `claims` (what is
proved about a state), and then `certificate`, `isotropic` and `files` (how claims are read from files).
docs/CERTIFICATES.md has the proofs, with the rounding.
"""
