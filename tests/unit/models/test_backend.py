"""TensorFlow is loaded quietly, and so that the same seed gives the same digits."""

import os
import subprocess
import sys

import pytest

CODE = """
import os
from dexkit.models.backend import load_tensorflow
load_tensorflow()
import tensorflow
tensorflow.constant(1.0)
print(os.environ["TF_NUM_INTEROP_THREADS"])
"""


@pytest.mark.parametrize(("given", "used"), [(None, "1"), ("2", "2")])
def test_one_operation_at_a_time_unless_the_user_says_otherwise(given, used):
    names = ("TF_NUM_INTEROP_THREADS", "TF_CPP_MIN_LOG_LEVEL")
    environment = {k: v for k, v in os.environ.items() if k not in names}
    if given is not None:
        environment["TF_NUM_INTEROP_THREADS"] = given
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [used]
    assert done.stderr == ""
