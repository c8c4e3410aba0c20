"""All projective measurements on a state: hidden vectors and setting pairs generated together.

With x = (u, v) and y = (a, b) in the frames of `CanonicalForm`, and K the kernel averaged over the state's
symmetries, condition (P) of `finite_settings` is

    E_rho K(x, y) <= 1 + V C(y)   for every y,          E_rho L.x = V L.r   for the invariant marginals L.

The linear programme over finite pools of x and y gives no bound by itself: its weights may breach (P) at
pairs outside the pool, and its prices ignore hidden vectors outside. So both pools grow, by the pairs at which
(P) is breached most and the hidden vectors that are cheapest, and in every round

  - a model whose worst breach is d is mixed with noise, which is independent, evenly spread u and v (E|x.y| <=
    NOISE_MEAN), until it obeys (P) everywhere: at the visibility V / (1 + d/(1 - NOISE_MEAN));
  - prices whose cheapest hidden vectors cost m are the inequality -sum prices C + F.E[x] <= sum prices - m.

The worst breach and the cheapest hidden vectors are searched for from many starts, which is no proof. The programme is
solved by an interior-point method that ends a little before the optimum (`CENTRAL`). Its weights and prices change less
from round to round than those of the simplex method, which jump between corners.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import numpy as np

from .._clock import OutOfTime, late
from .._numerics import double_precision, random_key
from ..lp.column_generation import Bracket, generate
from ..lp.restricted_programme import CENTRAL, RestrictedProgramme, Solution
from ..models.interpolated import NOISE_MEAN, InterpolatedModel
from ..runs import Ending, Progress
from ..states import TwoQubitState
from .axial_search import AxialSearch
from .canonical_form import CanonicalForm, Kind, averaged_kernel
from .everywhere import Above, Below, Everywhere, balanced, inequality_of, model_of
from .full_search import FullSearch
from .prover import Prover
from .worst_points import AT_ONCE, Search, filled

NEGLIGIBLE = 1e-4
"""Weights and prices below this, relative to the largest, are left out of models and inequalities."""

UNUSED = 1e-5
"""Pairs and hidden vectors with a price or weight below this, relative to the largest, count as idle in a round."""


@dataclass(frozen=True)
class Options:
    """How both pools grow, and when the bracket is reported."""

    margin: float = 1e-7
    """What is added to the worst breach, and relative to the prices to a bound, for what searches may have missed."""
    idle: int = 3
    """Idle rounds after which a pair or hidden vector leaves its pool: most are of use for a few rounds only."""
    patience: int = 25
    """Rounds without a narrower bracket after which the run ends."""
    harder: float = 4.0
    """About how many times longer a hard search takes than a quick one."""
    compiling: float = 2.0
    """About how many seconds it takes to compile the hard search."""
    reserved: float = 0.4
    """Largest share of a time limit that is kept for the search, or the proof, of what is going to be reported."""


DEFAULT = Options()


def solve_everywhere(
    state: TwoQubitState,
    form: CanonicalForm,
    tolerance: float,
    deadline: float | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    options: Options = DEFAULT,
    certify: bool = False,
) -> Everywhere:
    """Bracket the largest V for which the state, of canonical form `form`, has a Leggett model at all settings.

    Ends as `converged`, `time_limit`, `interrupted`, or as `stalled` where rounds no longer help. Without `certify`
    both bounds rest on searches from many starts, which are no proof. With `certify` both are proved, and the places
    where a proof finds more than the searches did join the pools; an interrupted run may have proved nothing, and then
    has no certificate. Raises SolverError where the linear programme fails before there are bounds.
    """
    forms = [form]
    free = form.without_marginals()
    if len(form.invariants) and free.kind == form.kind:
        # Marginals hardly ever matter: |x.y| is the same for x and -x, between which a weight can be divided so that
        # the marginals are right. Only where it cannot are they rows of the programme.
        forms.insert(0, free)
    progress = progress and _never_falling(progress)
    with double_precision():
        for one in forms:
            prover = Prover(state, one, tolerance, deadline) if certify else None
            question = _AllSettings(state, one, form.marginals, deadline, seed, options, prover, one is not form)
            try:
                return question.answer(generate(question, tolerance, progress))
            except _Undivided:
                continue
    raise AssertionError("marginals that are in the programme need not be divided")


def _never_falling(progress: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """`progress`, for several programmes one after another: the share that is done does not fall at the next one."""
    done = 0.0

    def told(event: Progress) -> None:
        nonlocal done
        done = max(done, event.done)
        progress(replace(event, done=done))

    return told


class _Undivided(Exception):
    """Raised where no division of the weights between x and -x gives the state's marginals."""


class _AllSettings:
    """The two pools, their programme, and the best bounds so far; a `Question` of column generation."""

    def __init__(
        self,
        state: TwoQubitState,
        form: CanonicalForm,
        marginals: np.ndarray,
        deadline: float | None,
        seed: int,
        options: Options,
        prover: Prover | None,
        freed: bool,
    ) -> None:
        self.state, self.form, self.key, self.options = state, form, random_key(seed), options
        self.marginals, self.freed = marginals, freed
        self.deadline = deadline
        self.reserved = 0.0 if deadline is None else options.reserved * (deadline - time.monotonic())
        self.reserve = self.reserved
        self.searcher: Search = (AxialSearch if form.kind == "O(2)" else FullSearch)(form, deadline)
        self.L = form.invariants
        self.programme = RestrictedProgramme(self.L @ form.marginals, CENTRAL)
        self.x, self.y = self.searcher.first(self.key)
        if min(lengths := [np.linalg.norm(r) for r in (form.r_A, form.r_B)]) > 0:
            # A product state has a model with these hidden vectors alone, and no grid contains them.
            own = np.concatenate([form.r_A / lengths[0], form.r_B / lengths[1]])
            self.x = np.concatenate([self.x, own[None]])
        self.programme.add_pairs(np.zeros((len(self.y), 0)), form.correlator(self.y))
        self.programme.add_hidden(self._kernel(self.x, self.y), self.L @ self.x.T)
        self.idle_x, self.idle_y = np.zeros(len(self.x), int), np.zeros(len(self.y), int)
        self.lower, self.upper = 0.0, 1.0
        self.below: Below | None = None
        self.above: Above | None = None
        self.known_x = self.known_y = np.zeros((0, 6))
        self.gaps: list[float] = []
        self.prover = prover

    def _kernel(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """K (M, K) of pairs y (M, 6) and hidden vectors x (K, 6)."""
        all_x, all_y = filled(x)[0], filled(y)[0]
        return np.asarray(_matrix(self.form.kind, self.form.group, all_x, all_y))[: len(y), : len(x)]

    @property
    def generating(self) -> float | None:
        """The time at which the pools stop to grow, so that there is time to search again what is then reported."""
        return None if self.deadline is None else self.deadline - self.reserve

    def solve(self) -> None:
        """Solve the programme over both pools."""
        self.solution = found = self.programme.solve(self.generating)
        self.idle_x, self.idle_y = _idle(self.idle_x, found.weights), _idle(self.idle_y, found.pairs)
        self.known_x, self.known_y = self.x[_heaviest(found.weights)], self.y[_heaviest(found.pairs)]

    def find_worst(self, number: int) -> None:
        """Find the pairs at which the weights breach (P) most, and the cheapest hidden vectors."""
        began = time.monotonic()
        self.step = jax.random.fold_in(self.key, number)
        self.new_y = self._find_breaches(self.step, self.solution)
        if late(self.generating):
            raise OutOfTime
        self.new_x = self._find_cheapest(self.step, self.solution)
        spent = time.monotonic() - began
        if self.prover is None:
            self.reserve = min(self.reserved, self.options.compiling + self.options.harder * spent)

    def to_be_reported(self, tolerance: float) -> bool:
        """Whether the bracket is as narrow as asked for, unless further rounds are likely to show V = 1 compatible."""
        beyond = self.above is None and self.solution.V > 1 + tolerance and self.lower < 1
        # Half the tolerance is left to proofs.
        return self.upper - self.lower <= (tolerance if self.prover is None else tolerance / 2) and not beyond

    def search_again(self, number: int) -> None:
        """Search for breaches of the model and for the bound of the inequality again and harder, or prove them."""
        if self.prover is not None:
            began = time.monotonic()
            y, x = self._prove(self.prover)
            self.new_y, self.new_x = np.concatenate([self.new_y, y]), np.concatenate([self.new_x, x])
            self.reserve = min(self.reserved, self.options.harder * (time.monotonic() - began))
            return
        key = jax.random.fold_in(self.step, 1)
        self.new_y = np.concatenate([self.new_y, self._settle_below(key)])
        self.new_x = np.concatenate([self.new_x, self._settle_above(key)])

    def grow(self) -> bool:
        """Put what was found into both pools and remove what is idle; False where the bracket stays as it is."""
        self.gaps.append(self.upper - self.lower)
        patience = self.options.patience
        if len(self.gaps) > patience and self.gaps[-1] == self.gaps[-patience]:
            return False
        if self.prover is not None and self.prover.futile:
            return False
        used_x, used_y = self.idle_x < self.options.idle, self.idle_y < self.options.idle
        self.programme.keep(used_y, used_x)
        self.x, self.y = self.x[used_x], self.y[used_y]
        self.programme.add_pairs(self._kernel(self.x, self.new_y), self.form.correlator(self.new_y))
        self.y = np.concatenate([self.y, self.new_y])
        if len(self.new_x):
            self.programme.add_hidden(self._kernel(self.new_x, self.y), self.L @ self.new_x.T)
            self.x = np.concatenate([self.x, self.new_x])
        self.idle_x = np.concatenate([self.idle_x[used_x], np.zeros(len(self.new_x), int)])
        self.idle_y = np.concatenate([self.idle_y[used_y], np.zeros(len(self.new_y), int)])
        return True

    def answer(self, ending: Ending) -> Everywhere:
        """The bounds, with what shows them, after a run with this ending."""
        if self.prover is not None:
            return self._proved_answer(self.prover, ending)
        if ending != Ending.CONVERGED:
            ending = self._settled(ending)
        model, lower = None, self.lower
        if self.below is not None:
            try:
                self.below = self._divided(self.below)
                model, lower = self._model(self.below)
            except _Undivided:
                if ending != Ending.INTERRUPTED:
                    raise
                # After Ctrl-C no other programme is begun.
                self.below, lower = None, 0.0
        inequality = None if self.above is None else inequality_of(self.form, self.above)
        bracket = Bracket(min(lower, self.upper), self.upper, model, inequality, ending)
        return Everywhere(bracket, self.form, self.below, self.above)

    def _proved_answer(self, prover: Prover, ending: Ending) -> Everywhere:
        """The bounds that are proved. Unless the run was interrupted, its last bounds are proved first."""
        if ending != Ending.INTERRUPTED:
            try:
                self._prove(prover)
            except OutOfTime:
                ending = Ending.TIME_LIMIT
            except KeyboardInterrupt:
                ending = Ending.INTERRUPTED
        below, above, lower, upper = prover.below, prover.above, prover.lower, prover.upper
        if ending == Ending.INTERRUPTED and below is None and above is None:
            return Everywhere(Bracket.of_none(ending), self.form, None, None)
        model = inequality = None
        if below is not None and lower > 0:
            model, reached = self._model(below.found)
            if lower < reached:
                # The excess that is proved is a little larger.
                model = model.with_noise(1 - lower / reached)
        if above is not None and upper < 1:
            inequality = replace(inequality_of(self.form, above.found), bound=above.bound)
        bracket = Bracket(lower, upper, model, inequality, ending)
        return Everywhere(bracket, self.form, below and below.found, above and above.found, prover.certificate())

    def _prove(self, prover: Prover) -> tuple[np.ndarray, np.ndarray]:
        """Try to prove both bounds, then set them to the best proved ones; the worst pairs and hidden vectors met."""
        places = prover.prove(self.below and self._divided(self.below), self.above)
        self.lower, self.below = prover.lower, prover.below and prover.below.found
        self.upper, self.above = prover.upper, prover.above and prover.above.found
        return places

    def _divided(self, found: Below) -> Below:
        """The model with its weights divided between x and -x; raises _Undivided where they have to be and cannot."""
        if len(self.L) or found.balance is not None:
            return found
        balance = self._balance(found)
        if balance is None and self.freed:
            raise _Undivided
        return found if balance is None else replace(found, balance=balance)

    def _balance(self, found: Below) -> np.ndarray | None:
        """The `Below.balance` for which a model has the state's marginals; None where there is none."""
        number = len(self.form.group)
        images = self.form.images(found.x), np.tile(found.weights, number) / number
        return balanced(*images, found.V * self.marginals, self.form.kind == "O(2)")

    def _settled(self, ending: Ending) -> Ending:
        """Search both ends again after a run that did not converge; an end for which there is no time is given up."""
        if ending == Ending.INTERRUPTED:
            # A hard search then consists of one search, not of many.
            self.searcher.deadline = time.monotonic()
        key = jax.random.fold_in(self.key, 0)
        limited = ending == Ending.TIME_LIMIT
        below = above = False
        try:
            if len(self.known_x):
                if limited and self.deadline is not None:
                    # The search for a bound takes several times as long as that for breaches.
                    self.searcher.deadline = time.monotonic() + (self.deadline - time.monotonic()) / 4
                self._settle_below(key)
                below = True
                if limited:
                    self.searcher.deadline = self.deadline
                if not limited or not late(self.deadline):
                    self._settle_above(key)
                    above = True
        except KeyboardInterrupt:
            ending = Ending.INTERRUPTED
        if not below:
            self.lower, self.below = 0.0, None
        if not above:
            self.upper, self.above = 1.0, None
        return ending

    def _find_breaches(self, key: jax.Array, solution: Solution) -> np.ndarray:
        """Mix the model of these weights with noise until it obeys (P) everywhere; the pairs at which it did not."""
        # Without the smallest weights, a model would miss its marginals.
        used = np.flatnonzero(solution.weights > (0.0 if len(self.L) else NEGLIGIBLE * solution.weights.max()))
        x, weights = self.x[used], solution.weights[used] / solution.weights[used].sum()
        y, breach = self.searcher.breaches(key, x, weights, solution.V, self.known_y)
        found = Below(x, weights, solution.V, self._noise(breach))
        _, lower = self._model(found)
        if lower > self.lower:
            self.lower, self.below = lower, found
        return y

    def _find_cheapest(self, key: jax.Array, solution: Solution) -> np.ndarray:
        """The inequality of these prices; the hidden vectors that bound it."""
        scale = solution.pairs.sum() + np.abs(solution.linear).sum()
        if scale <= 0:
            # V = 2 is reached and all prices vanish: there is no inequality.
            return self.x[:0]
        F = -self.L.T @ solution.linear / scale
        used = np.flatnonzero(solution.pairs >= NEGLIGIBLE * solution.pairs.max())
        y, prices = self.y[used], solution.pairs[used] / scale
        x, cost = self.searcher.cheapest(key, y, prices, F, self.known_x)
        upper, bound = self._threshold(y, prices, F, cost)
        if upper < self.upper:
            self.upper, self.above = upper, Above(y, prices, F, bound)
        return x

    def _threshold(self, y: np.ndarray, prices: np.ndarray, F: np.ndarray, cost: np.ndarray) -> tuple[float, float]:
        """The visibility at which the state reaches the inequality of these prices, and its bound."""
        bound = float(prices.sum() - cost[0] + self.options.margin * (prices.sum() + np.abs(F).sum()))
        value = float(F @ self.form.marginals - prices @ self.form.correlator(y))
        return (bound / value if value > 0 else np.inf), bound

    def _settle_below(self, key: jax.Array) -> np.ndarray:
        """Search the best model's breaches again and harder, and correct its visibility; the pairs that were found."""
        if self.below is None:
            return self.known_y[:0]
        found = self.below
        y, breach = self.searcher.breaches(key, found.x, found.weights, found.V, self.known_y, hard=True)
        self.below = replace(found, noise=max(found.noise, self._noise(breach)))
        self.lower = self._model(self.below)[1]
        return y

    def _settle_above(self, key: jax.Array) -> np.ndarray:
        """Search the best inequality's bound again and harder, and correct it; the hidden vectors that were found."""
        if self.above is None:
            return self.known_x[:0]
        y, prices, F = self.above.y, self.above.prices, self.above.F
        x, cost = self.searcher.cheapest(key, y, prices, F, self.known_x, hard=True)
        upper, bound = self._threshold(y, prices, F, cost)
        if upper > self.upper:
            self.upper, self.above = min(upper, 1.0), Above(y, prices, F, bound) if upper < 1 else None
        return x

    def _model(self, found: Below) -> tuple[InterpolatedModel, float]:
        """The model in the state's own frames, and the V that it reaches."""
        return model_of(self.state, self.form, self.marginals, found)

    def _noise(self, breach: np.ndarray) -> float:
        """The share of noise with which (P) is obeyed, for breaches (N,) of which the first is the worst."""
        worst = max(0.0, float(breach[0])) + self.options.margin
        return worst / (1 - NOISE_MEAN + worst)


def _idle(rounds: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """For how many rounds each share, a weight or a price, has been below `UNUSED` of the largest."""
    return np.where(shares >= UNUSED * shares.max(), 0, rounds + 1)


def _heaviest(weights: np.ndarray) -> np.ndarray:
    """The indices of the largest weights, at most `AT_ONCE`; repeated until there are as many."""
    return np.resize(np.argsort(-weights)[: max(1, np.count_nonzero(weights))], AT_ONCE)


@functools.partial(jax.jit, static_argnames="kind")
def _matrix(kind: Kind, group: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
    return jax.lax.map(lambda one: averaged_kernel(kind, group, x, one), y, batch_size=16)
