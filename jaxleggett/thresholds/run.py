"""The largest compatible visibility of a state, from both sides: a model below, an inequality above."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .. import _checks
from .._checks import MAX_SEED, InputError, integer, quoted
from .._clock import OutOfTime, late
from ..inequalities.inequality import LeggettInequality
from ..inequalities.worst_vectors import bounded_inequality
from ..joint_rotations import CRITICAL_ANGLE, Symmetry
from ..lp.column_generation import Bracket
from ..models.interpolated import IsotropicModel
from ..proofs.checker.certificate import Certificate
from ..proofs.checker.claims import Refused
from ..proofs.checker.isotropic import IsotropicCertificate
from ..runs import Ending, Progress
from ..settings import SettingPairs
from ..states import TwoQubitState
from .all_settings import solve_everywhere
from .canonical_form import CanonicalForm
from .certificates import certified_bracket, proved
from .finite_settings import solve
from .result import ROUNDING, Threshold
from .separable import decomposition, proved_visibility, separable_visibility

WIDER = 200 * ROUNDING
"""Relative margin at either end for a state that is Werner's up to local frames to `canonical_form.EQUAL` only."""


def threshold(
    state: TwoQubitState,
    settings: SettingPairs | str = "all",
    *,
    tolerance: float = 1e-4,
    time_limit: float | None = None,
    seed: int = 0,
    certify: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Threshold:
    """The largest V for which V (r_A, r_B, T) has a Leggett model at `settings`, bracketed.

    settings    setting pairs, a name that `SettingPairs.parse` knows, or `all` projective
                measurements (proved for Werner states, docs/WERNER.md; for others with `certify`)
    tolerance   upper - lower to reach, above 0
    time_limit  seconds after which the bracket is returned as it is
    seed        of named settings `random:N`, and of the lattices on which searches begin
    certify     prove both bounds (docs/CERTIFICATES.md), which are then wider apart by a part of the tolerance
    progress    is called with a `Progress` after every round

    V = 1 is the state itself: both bounds are at most 1. A separable state reaches it, with its decomposition as the
    model, which is proved where its partial transpose is positive in exact arithmetic. Raises InputError for bad
    arguments, and `lp.restricted_programme.SolverError` if the linear programme fails.

    >>> import jaxleggett as jl
    >>> found = jl.threshold(jl.werner())  # the singlet, all settings: proved, (1 + 1/sqrt 2)/2
    >>> found.certified, round(found.lower, 9), round(found.upper, 9)
    (True, 0.853553391, 0.853553391)
    """
    started = time.monotonic()
    seed = integer("seed", seed, 0, MAX_SEED)
    check_effort(tolerance, time_limit)
    deadline = None if time_limit is None else started + time_limit
    everywhere = isinstance(settings, str) and settings == "all"
    pairs = None if everywhere else SettingPairs.parse(settings, seed) if isinstance(settings, str) else settings
    effort = _Effort(tolerance, deadline, seed, certify, progress)
    try:
        answer = _separable(state, tolerance)
        if answer is None:
            answer = _all_settings(state, effort) if pairs is None else _finite_settings(state, pairs, effort)
    except KeyboardInterrupt:
        answer = _Answer(Bracket.of_none(Ending.INTERRUPTED))
    found = answer.bracket
    return Threshold(
        state=state,
        settings=pairs,
        lower=found.lower,
        upper=found.upper,
        model=found.model,
        inequality=found.inequality,
        status=ending_of(found.upper - found.lower, found.status, tolerance, deadline),
        certified=answer.certified,
        seconds=time.monotonic() - started,
        symmetry=answer.symmetry,
        certificate=answer.certificate,
    )


@dataclass(frozen=True)
class _Effort:
    """The arguments of `threshold` that say how an answer is to be found."""

    tolerance: float
    deadline: float | None
    seed: int
    certify: bool
    progress: Callable[[Progress], None] | None


@dataclass(frozen=True)
class _Answer:
    """A bracket, whether both of its ends are proved, and what its model and inequality are averaged over."""

    bracket: Bracket
    certified: bool = False
    symmetry: Symmetry = None
    certificate: Certificate | IsotropicCertificate | None = None


def ending_of(gap: float, status: Ending, tolerance: float, deadline: float | None) -> Ending:
    """How a run ended: `converged` if and only if the final bracket is as narrow as asked for, but for Ctrl-C."""
    if status == Ending.INTERRUPTED:
        return status
    if gap <= tolerance:
        return Ending.CONVERGED
    return Ending.TIME_LIMIT if late(deadline) or status == Ending.TIME_LIMIT else Ending.STALLED


def check_effort(tolerance: float, time_limit: float | None) -> None:
    """InputError unless the tolerance is a number above 0, and the time limit one too, or None."""
    try:
        fine = math.isfinite(tolerance) and tolerance > 0
    except (TypeError, OverflowError):
        fine = False
    if not fine:
        raise InputError(f"tolerance must be a number above 0, but is {quoted(tolerance)}")
    _checks.time_limit(time_limit)


def prove(
    inequality: LeggettInequality,
    state: TwoQubitState,
    *,
    tolerance: float = 1e-5,
    time_limit: float | None = None,
    certify: bool = True,
    seed: int = 0,
) -> Threshold:
    """The visibility above which a state breaks an inequality, whose bound is computed anew.

    With `certify` the bound is proved, otherwise it is what a search from many starts finds, with lattices turned by
    `seed`. After `time_limit` seconds the proof ends with a bound that is larger, but proved; a search ends without
    one, so that `upper` is 1. `lower` is 0, because an inequality alone gives no lower bound. A proof has `converged`
    where its bound is at most `tolerance` times the sum of the coefficients' moduli above the smallest possible one.
    Raises InputError for a tolerance or a time limit that is not a number above 0.

    >>> import numpy as np
    >>> import jaxleggett as jl
    >>> from jaxleggett.inequalities import published
    >>> from jaxleggett.thresholds import prove
    >>> found = prove(published(np.eye(3), np.roll(np.eye(3), 1, axis=0)), jl.werner(), tolerance=1e-4)
    >>> found.certified, 0.9428 < found.upper < 0.9430  # sqrt(8)/3, at most the tolerance above
    (True, True)
    """
    started = time.monotonic()
    check_effort(tolerance, time_limit)
    pairs = SettingPairs(inequality.a, inequality.b)
    deadline = None if time_limit is None else started + time_limit
    cut, upper, certificate = inequality, math.inf, None
    try:
        if certify:
            shown = proved(inequality, state, tolerance, deadline)
            cut, upper, status, certificate = shown.inequality, shown.upper, shown.status, shown.certificate(state)
        else:
            i = inequality
            cut = bounded_inequality(i.coefficients, i.a, i.b, i.alice, i.bob, seed, deadline)
            upper, status = cut.threshold(state), Ending.CONVERGED
    except OutOfTime:
        status = Ending.TIME_LIMIT
    except KeyboardInterrupt:
        status = Ending.INTERRUPTED
    return Threshold(
        state=state,
        settings=pairs,
        lower=0.0,
        upper=min(upper, 1.0),
        model=None,
        inequality=cut if upper < 1 else None,
        status=status,
        certified=certify,
        seconds=time.monotonic() - started,
        certificate=certificate,
    )


def _separable(state: TwoQubitState, tolerance: float) -> _Answer | None:
    """The answer for a state that is separable at a visibility of at least 1 - `tolerance`; None for others."""
    if 1 - separable_visibility(state) > tolerance:
        return None
    lower, certain = proved_visibility(state)
    model = decomposition(state.with_visibility(lower))
    return _Answer(Bracket(lower, 1.0, model, None, Ending.CONVERGED), certain)


def _finite_settings(state: TwoQubitState, pairs: SettingPairs, effort: _Effort) -> _Answer:
    """The answer at setting pairs, by a linear programme and, where it is asked for, a proof."""
    # Half the tolerance is left to the proof.
    tolerance = effort.tolerance / 2 if effort.certify else effort.tolerance
    found = solve(state, pairs, tolerance, effort.deadline, effort.seed, effort.progress)
    if not effort.certify or found.status == Ending.INTERRUPTED:
        return _Answer(found)
    try:
        proved_one, certificate = certified_bracket(state, pairs, found, effort.tolerance, effort.deadline, effort.seed)
        return _Answer(proved_one, certified=True, certificate=certificate)
    except KeyboardInterrupt:
        # After Ctrl-C the numerical bracket is still an answer.
        return _Answer(replace(found, status=Ending.INTERRUPTED))


def _all_settings(state: TwoQubitState, effort: _Effort) -> _Answer:
    """The answer for all projective measurements."""
    form = CanonicalForm.of(state)
    if form.kind == "SO(3)":
        return _isotropic(state, form)
    e = effort
    found = solve_everywhere(state, form, e.tolerance, e.deadline, e.seed, e.progress, certify=e.certify)
    return _Answer(found.bracket, found.certificate is not None, found.form.symmetry, found.certificate)


def _holds(certificate: IsotropicCertificate) -> bool:
    try:
        certificate.check()
    except Refused:
        return False
    return True


def _isotropic(state: TwoQubitState, form: CanonicalForm) -> _Answer:
    """The answer for T = s Q with an orthogonal Q: at V it has a model if the singlet (s = 1, Q = -1) has one at s V.

    Unless the state is the singlet exactly, the ends V_c / s are moved outwards by more than what the rounding of the
    state's entries can change. (For det Q = +1, T belongs to a state up to s = 1/3 only. Flipping all of Bob's outcomes
    shows that the threshold is the same.)
    """
    from ..proofs.werner import certify_werner

    lower, upper = certify_werner()
    s = float(form.s.mean())
    Q = form.frame_A @ form.frame_B.T
    r_A, r_B, T = (np.asarray(x, np.float64) for x in (state.r_A, state.r_B, state.T))
    exact = (T == -np.eye(3)).all() and not (r_A.any() or r_B.any())

    def of(pad: float) -> IsotropicCertificate:
        ends = (min(x, 1.0) for x in (lower / s * (1 - pad), upper / s * (1 + pad)))
        return IsotropicCertificate(r_A, r_B, T, s, Q, *ends)

    certificate = of(0.0 if exact else ROUNDING)
    if not exact and not _holds(certificate):
        certificate = of(WIDER)
    certified = _holds(certificate)
    z = np.array([[0.0, 0.0, 1.0]])
    b = np.array([[-np.sin(CRITICAL_ANGLE), 0.0, -np.cos(CRITICAL_ANGLE)]]) @ Q
    bound = float(1 - np.sin(CRITICAL_ANGLE / 2))
    cut = LeggettInequality(-np.ones(1), z, b, np.zeros(1), np.zeros(1), bound) if upper < 1 else None
    hand = round(float(np.linalg.det(Q)))
    model = IsotropicModel(np.ones(1), z, z @ Q, state.with_visibility(certificate.lower), hand * Q)
    bracket = Bracket(certificate.lower, certificate.upper, model, cut, Ending.CONVERGED)
    return _Answer(bracket, certified, "SO(3)", certificate if certified else None)
