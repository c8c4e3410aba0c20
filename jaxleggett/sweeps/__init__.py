"""Parameter scans: a grid of points cut into tiles, computed by any number of machines into one store.

`Sweep` is what is asked for, `Store` what has been found, `run` computes what is missing. Needs the extra `cluster`.
"""

from .config import read_config
from .engines import ArrayTask, Cluster, Engine, InProcess, Scheduler
from .grid import Sweep
from .run import Stopping, Summary, run
from .store import Damage, Store

__all__ = [
    "ArrayTask",
    "Cluster",
    "Damage",
    "Engine",
    "InProcess",
    "Scheduler",
    "Stopping",
    "Store",
    "Summary",
    "Sweep",
    "read_config",
    "run",
]
