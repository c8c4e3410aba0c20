"""Proofs: bounds with their rounding, by ball arithmetic or in floating point; no solver and no search."""
