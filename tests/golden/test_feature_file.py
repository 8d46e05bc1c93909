"""Feature files of every version stay readable; newer ones are refused."""

import importlib.util
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from dexkit.errors import FormatError
from dexkit.features.add import AddConfig, add_to_features
from dexkit.features.diff import diff_feature_files
from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES, FORMAT_VERSION
from dexkit.features.verify import verdict, verify_feature_file

HERE = Path(__file__).parent
VERSIONS = range(1, FORMAT_VERSION + 1)


def golden(version):
    return HERE / f"feature_file_v{version}.h5"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make", HERE / "make_feature_file.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_has_a_small_file(version):
    assert golden(version).stat().st_size < 100_000
    assert FeatureFile(golden(version)).attrs["format_version"] == version


@pytest.mark.parametrize("version", VERSIONS)
def test_it_holds_what_it_held(version, script):
    expected = json.loads(golden(version).with_suffix(".json").read_text())
    found = json.loads(json.dumps(script.contents(FeatureFile(golden(version)))))
    assert found == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_it_passes_every_check(version):
    checks = list(verify_feature_file(golden(version)))
    assert verdict(golden(version), checks).endswith("checks passed")
    assert len(checks) > 15


def test_version_1_in_numbers():
    features = FeatureFile(golden(1))
    assert len(features) == 24
    assert features.window_bp == (120, 80, 10)
    assert list(features.genome.lengths.values()) == [200_000] * 3
    assert features.config["settings"]["contacts"] == {"n_flank_bins": 6, "flip_minus": True}
    assert features.array(CODES).shape == (24, 220)
    signal, observed = features.contacts("beta")
    assert signal.shape == observed.shape == (24, 13)
    raw = features.array("/expression/alpha/raw")
    np.testing.assert_allclose(features.expression("alpha"), np.log10(raw + 1.0), rtol=1e-6)


def test_the_script_makes_the_same_content(tmp_path, script):
    """As long as version 1 is the version that is written."""
    script.make(tmp_path / "again.h5")
    found = diff_feature_files(golden(1), tmp_path / "again.h5")
    assert found["arrays"] == found["tables"] == found["genes"] == {}


@pytest.mark.parametrize("version", VERSIONS)
def test_blocks_can_be_added_to_it(version, tmp_path):
    file = Path(shutil.copy(golden(version), tmp_path / "f.h5"))
    with h5py.File(file, "r+") as handle:
        del handle["/kmers"]
        config = json.loads(handle.attrs["config"])
        config["blocks"].remove("kmers")
        handle.attrs["config"] = json.dumps(config)
    settings = {"kmers": {"k": 2, "both_strands": True}}
    add_to_features(file, AddConfig(blocks=("kmers",), settings=settings))
    assert diff_feature_files(golden(version), file)["identical"]


def test_a_newer_version_is_refused_with_the_version_that_reads_it(tmp_path):
    file = Path(shutil.copy(golden(FORMAT_VERSION), tmp_path / "f.h5"))
    with h5py.File(file, "r+") as handle:
        handle.attrs["format_version"] = FORMAT_VERSION + 1
        handle.attrs["generated_by"] = "dexkit 9.8"
    match = rf"format version {FORMAT_VERSION + 1} is newer .* written by dexkit 9\.8, install that"
    with pytest.raises(FormatError, match=match):
        FeatureFile(file)
