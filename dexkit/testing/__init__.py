"""What plugin authors import in their tests: conformance checks and made-up inputs.

Each ``check_*`` takes the record that a plugin yields, tries what dexkit relies on, and raises
:class:`CheckFailure` (an AssertionError) with one sentence at the first breach. Keras and
TensorFlow are imported only by the checks of encoders and heads.

Examples
--------
>>> from dexkit.hooks import load_plugins
>>> from dexkit.testing import check_motif_exporter
>>> checked = check_motif_exporter(load_plugins().motif_exporter("meme"))
"""

from dexkit.testing.baselines import check_baseline
from dexkit.testing.blocks import check_block
from dexkit.testing.checks import CheckFailure
from dexkit.testing.encoders import check_encoder
from dexkit.testing.heads import check_head
from dexkit.testing.motif_exporters import check_motif_exporter
from dexkit.testing.presets import check_preset
from dexkit.testing.scaffold import write_plugin_package

__all__ = [
    "CheckFailure",
    "check_baseline",
    "check_block",
    "check_encoder",
    "check_head",
    "check_motif_exporter",
    "check_preset",
    "write_plugin_package",
]
