"""The constants of `verify`: how the work is cut up, and how sure its verdicts are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VerifyOptions:
    """Constants of `verify` that are rarely worth changing.

    All but the first cut the work up, for speed and memory. They change no verdict, and no figure by more than its
    rounding.
    """

    false_rejections: float = 1e-7
    """Chance that a run rejects a correct model, over all its pairs, outcomes and visibilities together."""

    block: int | None = None
    """Most pairs of a block; None: 2^14 on a CPU, 2^16 elsewhere (`montecarlo.BLOCK`)."""

    pairs_at_once: int = 65536
    """Most pairs whose averages are judged together, so that the tables stay small beside the averages."""

    averages_at_once: int = 2**18
    """Most averages (pairs x visibilities) that are judged together, for the same reason."""


DEFAULT = VerifyOptions()
