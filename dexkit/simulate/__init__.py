"""A small genome with planted truth: FASTA, GTF, HiChIP pairs, counts and what lies behind them.

Imports nothing heavy: pysam is loaded when files are written.
"""

from dexkit.simulate.config import DEFAULT_MOTIFS, MotifSpec, SimulationConfig
from dexkit.simulate.run import SimulatedData, load_simulation, simulate

__all__ = [
    "DEFAULT_MOTIFS",
    "MotifSpec",
    "SimulatedData",
    "SimulationConfig",
    "load_simulation",
    "simulate",
]
