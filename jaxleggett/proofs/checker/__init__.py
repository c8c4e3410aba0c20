"""The checker: proves bounds and brackets anew, with NumPy's + - * / and square roots, and nothing of the package.

Read in this order: `cells` (how the sphere is cut), `above` and `below` (the two functions that are bounded on boxes of
cells), `circle` (means over turns about an axis), `symmetry`, `search` (branch and bound) and `claims` (what is proved
about a state). docs/CERTIFICATES.md has the proofs, with the rounding.
"""
