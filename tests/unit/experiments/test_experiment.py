"""The folder of an experiment: when it is made, replaced, resumed; which fits are done."""

import json
import threading
import time

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dexkit.errors import ConfigError, InputError, OutputError, StoppedError
from dexkit.evaluation.runs import baseline_columns, read_run
from dexkit.report.experiment import Section, write_experiment_report
from dexkit.workflows.experiment import Experiment, FitTask, check_tasks, stored_experiment
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.runner import Runner
from dexkit.workflows.task import execute
from dexkit.workflows.task_process import TaskProcess

SETTINGS = {"plugins": ["mean"], "n": 1}


def task(features, plugin="mean", fold=0, **options):
    values = {"sample": "alpha", "plugin": plugin, "split": {"folds": 4, "fold": fold}}
    config = FitConfig.read(None, values | {"companions": False} | options)
    return FitTask(f"{plugin}/fold-{fold}", features, config)


def made(out, finished=True, **options):
    with Experiment.open(out, "crossval", SETTINGS, **options) as experiment:
        experiment.write_json("note.json", {"of": "the first"})
        if finished:
            experiment.finish()
    return out


# --- the folder ----------------------------------------------------------------------------------


def test_the_folder_says_what_it_is(tmp_path, built):
    out = made(tmp_path / "e", finished=False, features=[built])
    content = json.loads((out / "experiment.json").read_text())
    assert (content["kind"], content["settings"]) == ("crossval", SETTINGS)
    assert content["versions"]["dexkit"]
    assert "baselines" in content["versions"]["plugins"]
    assert len(content["features"][0]["sha256"]["/sequence/codes"]) == 64
    assert len(content["features"][0]["sha256"]["tables"]) == 64
    assert stored_experiment(out, "crossval") == (SETTINGS, [built])


def test_an_existing_folder_is_refused_and_force_replaces_experiments_only(tmp_path):
    out = made(tmp_path / "e")
    with pytest.raises(OutputError, match="exists; give another name or --force"):
        made(out)
    with Experiment.open(out, "crossval", {"n": 2}, force=True) as experiment:
        assert not (out / "note.json").exists()
        experiment.finish()
    assert [p.name for p in tmp_path.iterdir()] == ["e"]
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(OutputError, match="no experiment; --force replaces only"):
        made(other, force=True)
    with pytest.raises(ConfigError, match="contradict each other"):
        made(out, force=True, resume=True)


@pytest.mark.parametrize("with_a_run", [True, False])
def test_a_whole_experiment_is_kept_until_the_new_one_is_whole(tmp_path, with_a_run):
    out, failed = made(tmp_path / "e"), tmp_path / "e.failed"

    def go_wrong():
        with Experiment.open(out, "crossval", {"n": 2}, force=True):
            if with_a_run:
                (out / "runs/mean").mkdir(parents=True)
            raise InputError("went wrong")

    with pytest.raises(InputError, match="went wrong"):
        go_wrong()
    assert json.loads((out / "experiment.json").read_text())["settings"] == SETTINGS
    assert (out / "note.json").exists()
    # What can go on is kept beside it, what cannot is not.
    assert failed.exists() == with_a_run
    if with_a_run:
        assert json.loads((failed / "experiment.json").read_text())["settings"]["n"] == 2


def test_resuming_needs_the_same_experiment(tmp_path, built):
    with pytest.raises(InputError, match="is no experiment"):
        made(tmp_path / "none", resume=True)
    out = made(tmp_path / "e", finished=False, features=[built])
    with (
        pytest.raises(InputError, match="started with other options"),
        Experiment.open(out, "crossval", {"n": 2}, resume=True, features=[built]),
    ):
        pass
    with (
        pytest.raises(InputError, match="started on another feature file"),
        Experiment.open(out, "crossval", SETTINGS, resume=True),
    ):
        pass
    with pytest.raises(InputError, match="is of dexkit crossval, not of dexkit ablate"):
        stored_experiment(out, "ablate")
    made(out, resume=True, features=[built])
    with pytest.raises(InputError, match="a finished experiment; nothing to resume"):
        made(out, resume=True, features=[built])


def test_tables_and_the_report(tmp_path):
    with Experiment.open(tmp_path / "e", "crossval", {}) as experiment:
        frame = pd.DataFrame({"model": ["a<b", "c"], "value": [0.123456789, np.nan], "n": [7, 8]})
        experiment.write_table("scores.tsv", frame)
        with pytest.raises(ValueError, match="JSON"):
            experiment.write_json("bad.json", {"value": float("nan")})
        figure = Figure(figsize=(1, 1))
        figure.subplots().plot([0, 1])
        png = experiment.write_figure("lines", figure)
        page = write_experiment_report(
            experiment.path / "report.html",
            "A title",
            [Section("One", ["a < b"], frame, png), Section("Two")],
            leaky=True,
        )
    assert (tmp_path / "e/scores.tsv").read_text() == (
        "model\tvalue\tn\na<b\t0.12345679\t7\nc\t\t8\n"
    )
    assert (tmp_path / "e/figures/lines.pdf").is_file()
    html = page.read_text()
    for text in ("leaky: paper protocol", "a &lt; b", "a&lt;b", "0.1235", "undefined", "base64,"):
        assert text in html
    assert "http" not in html.replace("http-equiv", "")
    with pytest.raises(InputError, match="is missing"):
        write_experiment_report(page, "A title", [Section("One", figure=tmp_path / "no.png")])


# --- the fits ------------------------------------------------------------------------------------


def test_fits_are_ordinary_runs_and_are_not_repeated(tmp_path, built):
    tasks = [task(built, "mean", fold) for fold in range(2)]
    out = tmp_path / "e"
    with Experiment.open(out, "crossval", SETTINGS) as experiment:
        first = experiment.run(tasks[:1], Runner())
    assert list(first) == ["mean/fold-0"]
    assert not baseline_columns(first["mean/fold-0"].predictions)
    before = (out / "runs/mean/fold-0/predictions.tsv").stat().st_mtime_ns
    # What a fit that was killed right at its start leaves behind.
    (out / "runs/mean/fold-1").mkdir()
    with Experiment.open(out, "crossval", SETTINGS, resume=True) as experiment:
        runs = experiment.run(tasks, Runner())
    assert [run.fold for run in runs.values()] == [0, 1]
    assert (out / "runs/mean/fold-0/predictions.tsv").stat().st_mtime_ns == before
    assert not (out / "runs/mean/fold-0/report.html").exists()


def test_one_broken_fit_does_not_keep_the_others_from_being_done(tmp_path, built):
    tasks = [task(built, "mean", fold) for fold in (9, 0)]
    with (
        Experiment.open(tmp_path / "e", "crossval", SETTINGS) as experiment,
        pytest.raises(StoppedError, match=r"1 of 2 fits failed: mean/fold-9: .*fold.*--resume"),
    ):
        experiment.run(tasks, Runner())
    assert read_run(tmp_path / "e/runs/mean/fold-0").fold == 0


@pytest.mark.parametrize(
    ("names", "message"),
    [(("a", "a"), "are called 'a'"), (("../a",), "no name of a folder"), (("/a",), "no name of")],
)
def test_names_of_fits(tmp_path, built, names, message):
    config = task(built).config
    with (
        Experiment.open(tmp_path / "e", "crossval", SETTINGS) as experiment,
        pytest.raises(ConfigError, match=message),
    ):
        experiment.run([FitTask(name, built, config) for name in names], Runner())


def test_what_is_wrong_with_a_fit_is_found_before_anything_is_written(built, monkeypatch):
    assert check_tasks([task(built, "ridge")])[0].model_name == "ridge"
    with pytest.raises(InputError, match="no expression of sample 'gamma'"):
        check_tasks([task(built, sample="gamma")])
    workers = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(workers))
    with pytest.raises(ConfigError, match="a job of 2 workers"):
        check_tasks([task(built)])


def test_another_version_or_an_unseen_file_is_said(tmp_path, built):
    plain = task(built).to_plain(tmp_path / "run")
    assert "has dexkit" in execute(plain | {"dexkit": "9.9"}).error
    outcome = execute(plain | {"features": str(tmp_path / "no.h5")})
    assert "does not see the feature file" in outcome.error
    assert not (tmp_path / "run").exists()


@pytest.mark.slow  # two processes load TensorFlow
def test_several_processes_do_what_one_does(tmp_path, built):
    tasks = [task(built, name, fold) for name in ("mean", "ridge") for fold in (0, 1)]
    tasks.append(task(built, "mean", 9))
    alone = tmp_path / "alone"
    for one in tasks:
        execute(one.to_plain(alone / one.name))
    with (
        Experiment.open(tmp_path / "e", "crossval", SETTINGS) as experiment,
        pytest.raises(StoppedError, match="mean/fold-9"),
    ):
        experiment.run(tasks, Runner(2))
    for one in tasks[:-1]:
        written = (tmp_path / "e/runs" / one.name / "predictions.tsv").read_bytes()
        assert written == (alone / one.name / "predictions.tsv").read_bytes()


def test_a_process_that_dies_is_said_and_replaced(tmp_path, built):
    process = TaskProcess(1)
    plain = task(built).to_plain(tmp_path / "run")
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(process.run(plain)))
    thread.start()
    while process._process is None:
        time.sleep(0.01)
    process._process.kill()
    thread.join()
    assert "its process died (SIGKILL; often" in outcomes[0].error
    assert process.run(plain).error == ""
    process.close()
    assert process.run(plain).stopped
    with pytest.raises(ConfigError, match="--jobs is 0"):
        Runner(0)
