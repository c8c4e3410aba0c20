"""Pictures of results, one module a subject; how they look is settled in `jaxleggett.output.style`."""

from .experiments import plot_analysis, plot_design
from .performance import plot_benchmark
from .searches import PowerLaw, Record, plot_records, plot_search
from .survey import plot_survey
from .sweeps import draw_sweep, plot_sweep
from .thresholds import plot_marginals, plot_phase_diagrams, plot_threshold
from .verification import plot_verification

__all__ = [
    "PowerLaw",
    "Record",
    "draw_sweep",
    "plot_analysis",
    "plot_benchmark",
    "plot_design",
    "plot_marginals",
    "plot_phase_diagrams",
    "plot_records",
    "plot_search",
    "plot_survey",
    "plot_sweep",
    "plot_threshold",
    "plot_verification",
]
