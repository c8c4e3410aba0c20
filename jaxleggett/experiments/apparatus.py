"""What is set in the laboratory for a direction on the Bloch sphere: angles, wave plates, gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._checks import unit_vectors
from ..settings import ANGLES_HEADER, CSV_HEADER

if TYPE_CHECKING:
    from .._shapes import ArrayLike, Float
    from ..settings import SettingPairs

APPARATUS_HEADER = f"{CSV_HEADER},{ANGLES_HEADER},quarter_a,half_a,quarter_b,half_b,rz_a,ry_a,rz_b,ry_b"
"""Header of what `apparatus_csv` writes: vectors, then degrees, the angles of gates in radians."""


def bloch_angles(directions: ArrayLike) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """(theta, phi) in degrees of s = (sin theta cos phi, sin theta sin phi, cos theta).

    directions      unit vectors (N, 3), or one (3,)

    Returns two arrays (N,): the polar angle from z in [0, 180], and the azimuth from x in [-180, 180], 0 at the poles.
    Raises InputError for what are no unit vectors.

    >>> from jaxleggett.experiments import bloch_angles
    >>> [angle.round(9).tolist() for angle in bloch_angles([[0, 0, 1], [0, -1, 0]])]
    [[0.0, 90.0], [0.0, -90.0]]
    """
    theta, phi = _polar(directions)
    return np.degrees(theta), np.degrees(phi)


def _polar(directions: ArrayLike) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """(theta, phi) in radians."""
    # With 0 added, so that no -0 turns the azimuth of a pole by half a turn.
    x, y, z = unit_vectors("directions", directions).T + 0.0
    return np.arctan2(np.hypot(x, y), z), np.arctan2(y, x)


def waveplate_angles(directions: ArrayLike) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """(quarter, half): how two wave plates stand before a polarising beam splitter that measures along s.

    directions      s, unit vectors (N, 3), or one (3,)

    Light meets the quarter-wave plate first, then the half-wave plate, then the beam splitter: what it transmits (H) is
    the outcome +1, what it reflects (V) is -1. Returns two arrays (N,) of the angles of the fast axes in degrees,
    counted from horizontal towards D: quarter in [0, 180), half in [0, 90). With

        2 psi = atan2(s_x, s_z),   2 epsilon = atan2(s_y, sqrt(s_x^2 + s_z^2)):
        quarter = psi,             half = (psi - epsilon)/2,

    a quarter-wave plate along the ellipse of s makes it linear, at the angle psi - epsilon, which the half-wave
    plate turns to horizontal.

    Conventions: z is H/V, x is D/A with D = (H + V)/sqrt2, and +y is (|H> + i|V>)/sqrt2, which James et al. call L and
    KwiatLab's program calls R. Fields go as exp(i(kz - wt)), so that the slow axis of a plate falls behind by a
    positive phase: in the basis (fast, slow) the quarter-wave plate is diag(1, i), the half-wave plate diag(1, -1).

    Where the other sign holds (fields as exp(i(wt - kz)), plates diag(1, -i), or plates marked by their slow axis), the
    quarter-wave plate stands 90 degrees further and the half-wave plate as here; that is what this function gives for
    s with s_y reversed, with other angles for the same measurement. James et al. (Phys. Rev. A 64, 052312, 2001) count
    angles from vertical towards D: their matrices of plates at 90 - quarter and 90 - half are these, up to a phase. The
    state that their product U_QWP(q) U_HWP(h) |V> projects on is s for q = -quarter, h = 45 - half.

    Raises InputError for what are no unit vectors.

    >>> from jaxleggett.experiments import waveplate_angles
    >>> [angle.round(9).tolist() for angle in waveplate_angles([[0, 0, 1], [1, 0, 0], [0, 1, 0]])]
    [[0.0, 45.0, 0.0], [0.0, 22.5, 67.5]]
    """
    x, y, z = unit_vectors("directions", directions).T + 0.0
    psi, epsilon = np.arctan2(x, z) / 2, np.arctan2(y, np.hypot(x, z)) / 2
    return _below(np.degrees(psi), 180), _below(np.degrees(psi - epsilon) / 2, 90)


def _below(angle: Float[np.ndarray, "n"], period: int) -> Float[np.ndarray, "n"]:
    """The angle in [0, period), for a tiny negative one too, whose remainder is rounded to the period itself."""
    rest = np.mod(angle, period)
    return np.where(rest < period, rest, 0.0)


def gate_angles(directions: ArrayLike) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """(rz, ry) in radians: the gate Rz(rz), then Ry(ry), before a measurement of Z measures along s.

    directions      s, unit vectors (N, 3), or one (3,)

    With R_n(t) = exp(-i t n.sigma/2), U = Ry(-theta) Rz(-phi) gives U^dagger Z U = s.sigma, so rz = -phi and
    ry = -theta, arrays (N,). In Qiskit: `circuit.rz(rz, qubit); circuit.ry(ry, qubit)`; the bit 0 is the outcome +1.
    Raises InputError for what are no unit vectors.

    >>> from jaxleggett.experiments import gate_angles
    >>> [angle.round(4).tolist() for angle in gate_angles([0, 1, 0])]
    [[-1.5708], [-1.5708]]
    """
    theta, phi = _polar(directions)
    return 0.0 - phi, 0.0 - theta


def apparatus_csv(pairs: SettingPairs) -> str:
    """A CSV table of what is set for each of `pairs`, in all of these ways, to the last bit.

    pairs       the setting pairs, N of them: a row each

    Columns: the vectors ax to bz; theta_a, phi_a, theta_b, phi_b of `bloch_angles`, quarter_a, half_a, quarter_b,
    half_b of `waveplate_angles`, in degrees; rz_a, ry_a, rz_b, ry_b of `gate_angles`, in radians.

    >>> import jaxleggett as jl
    >>> from jaxleggett.experiments import apparatus_csv
    >>> apparatus_csv(jl.SettingPairs([[0, 0, 1]], [[1, 0, 0]])).splitlines()[1].split(",")[6:14]
    ['0', '0', '90', '0', '0', '0', '45', '22.5']
    """
    ways = (bloch_angles, waveplate_angles, gate_angles)
    angles = [angle for way in ways for party in (pairs.a, pairs.b) for angle in way(party)]
    rows = np.column_stack([pairs.a, pairs.b, *angles])
    lines = (",".join(f"{x:.17g}" for x in row) for row in rows.tolist())
    return "\n".join([APPARATUS_HEADER, *lines]) + "\n"
