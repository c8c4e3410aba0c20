"""Proofs, rounding included: in fractions, in ball arithmetic, or in floating point with proved bounds on rounding.

No module here imports a solver, or a search whose results it proves.
"""
