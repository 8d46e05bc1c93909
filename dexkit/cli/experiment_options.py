"""Options that the commands of experiments share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from dexkit.workflows.fit_config import FitConfig

Settings = TypeVar("Settings", bound="BaseModel")

_SPLIT, _TRAINING, _MACHINE = "Split", "Training", "Machine"

FeaturesArgument = Annotated[
    Path | None,
    typer.Argument(help="Feature file of build-features; with --resume, if it has moved."),
]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Folder to write.")]
PluginOption = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        help="A model: a baseline (ridge), or encoders joined by '+' (densenet+dense-contacts); "
        "repeatable. \\[default: the network of fit]",
    ),
]
SampleOption = Annotated[
    list[str] | None,
    typer.Option("--sample", help="Sample; repeatable. May be left out when there is one."),
]
BlocksOption = Annotated[
    str | None, typer.Option(help="Blocks to use, joined by commas (sequence,contacts).")
]
HeadOption = Annotated[
    str | None,
    typer.Option(
        help="regression, classification, poisson or negative-binomial. \\[default: regression]"
    ),
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        help="What is held out: chromosome, graphreg, homology, chromosome-homology or random "
        "(leaky: paper protocol); or a split file of `splits make`. \\[default: chromosome]",
        rich_help_panel=_SPLIT,
    ),
]
FoldsOption = Annotated[
    int | None,
    typer.Option(help="Folds. \\[default: 5; graphreg: 11]", rich_help_panel=_SPLIT),
]
EpochsOption = Annotated[int | None, typer.Option(help="Most epochs.", rich_help_panel=_TRAINING)]
EnsembleOption = Annotated[
    int | None,
    typer.Option(
        help="Networks with different seeds and validation parts; their mean predicts.",
        rich_help_panel=_TRAINING,
    ),
]
SeedOption = Annotated[
    int | None, typer.Option(help="Drives everything that is random.", rich_help_panel=_TRAINING)
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="PLUGIN.KEY=VALUE: option of a plugin (densenet.growth_rate=16), or train.KEY=VALUE "
        "(train.shift_bp=0); repeatable.",
    ),
]
ConfigOption = Annotated[
    Path | None, typer.Option(help="TOML file with options of fit; the command line wins.")
]
JobsOption = Annotated[
    int,
    typer.Option(
        "--jobs", "-j", help="Fits at a time, in processes of their own.", rich_help_panel=_MACHINE
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Send the fits to the workers of this scheduler of dask.distributed "
        "(tcp://host:8786); needs the extra `cluster`.",
        rich_help_panel=_MACHINE,
    ),
]
ResumeOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Go on with this experiment, which was stopped or killed, with its options and data; "
        "finished fits are not repeated.",
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an existing experiment.")]

#: Options that may stand beside --resume: they do not decide what is computed.
_BESIDE_RESUME = ("features", "resume", "jobs", "scheduler")


@dataclass(frozen=True)
class Request:
    """Which experiment to make, and where.

    Parameters
    ----------
    features : Path
        Feature file.
    out : Path
        Folder of the experiment.
    stored : dict or None
        The settings that the experiment was started with when it goes on; None for a new one.
    """

    features: Path
    out: Path
    stored: dict[str, Any] | None

    @property
    def resume(self) -> bool:
        """Whether the experiment goes on."""
        return self.stored is not None


def listed(text: str | None) -> list[str] | None:
    """Return the parts of a value that is joined by commas; None where it was not given."""
    return None if text is None else [part.strip() for part in text.split(",")]


def experiment_request(kind: str, context: typer.Context) -> Request:
    """Read the options ``features``, ``out`` and ``resume`` of a command.

    Parameters
    ----------
    kind : str
        The command, ``"crossval"``.
    context : typer.Context
        Of the command.

    Returns
    -------
    Request
        What to do.

    Raises
    ------
    ConfigError
        When feature file or folder is missing, or options stand beside ``--resume`` that the
        experiment has stored.
    InputError
        When there is nothing to resume.
    """
    from dexkit.errors import ConfigError
    from dexkit.workflows.experiment import stored_experiment

    features, out, resume = (context.params[name] for name in ("features", "out", "resume"))
    if resume is not None:
        for parameter in context.command.params:
            source = context.get_parameter_source(str(parameter.name))
            given = source is not None and source.name == "COMMANDLINE"
            if given and parameter.name not in _BESIDE_RESUME:
                option = max(parameter.opts, key=len)
                raise ConfigError(
                    f"--resume DIR takes all of it from the experiment; leave {option} out"
                )
        settings, places = stored_experiment(resume, kind)
        if features is None:
            features = places[0]
            if not features.is_file():
                raise ConfigError(
                    f"{resume} was started on {features}, which is not there; give its new place "
                    "in front of --resume"
                )
        return Request(features, resume, settings)
    if features is None or out is None:
        missing = "the feature file" if features is None else "--out, the folder to write"
        raise ConfigError(f"{kind} needs {missing}: dexkit {kind} features.h5 -o DIR")
    return Request(features, out, None)


def experiment_settings(
    model: type[Settings], kind: str, context: typer.Context, **own: Any
) -> tuple[Request, Settings]:
    """Read what experiment to make, and where, from the options of a command.

    Parameters
    ----------
    model : type
        Settings of the experiment, a pydantic model with ``models`` and ``n_bootstrap``.
    kind : str
        The command, ``"crossval"``.
    context : typer.Context
        Of the command, with the shared options and ``--bootstrap``.
    **own
        Settings from options of its own.

    Returns
    -------
    request : Request
        Feature file and folder.
    settings
        Of the options; those that the experiment has stored when it goes on.

    Raises
    ------
    ConfigError, InputError, PluginError
        When an option is wrong.
    """
    from dexkit.evaluation.bootstrap import check_resamples
    from dexkit.hooks.manager import parse_config

    request = experiment_request(kind, context)
    values = request.stored
    if values is None:
        n_bootstrap = context.params["bootstrap"]
        check_resamples(n_bootstrap)
        values = {"models": fit_configs(context.params), "n_bootstrap": n_bootstrap, **own}
    return request, parse_config(model, values, kind)


def fit_configs(params: Mapping[str, Any]) -> tuple[FitConfig, ...]:
    """Turn options into the options of fits: for each sample, every model, in the order given.

    Parameters
    ----------
    params : mapping
        ``context.params`` of a command, of which the shared options are read (``plugin``,
        ``sample``, ``blocks``, ``head``, ``split``, ``folds``, ``epochs``, ``ensemble``,
        ``seed``, ``set_``, ``config``); those that a command does not have are not given.

    Returns
    -------
    tuple of FitConfig
        Of fold 0 and without companions. Samples that are not named stay None.

    Raises
    ------
    ConfigError, InputError, PluginError
        When an option is wrong.
    """
    from dexkit.cli.fit import train_settings
    from dexkit.errors import ConfigError
    from dexkit.evaluation.splits import GRAPHREG_FOLDS
    from dexkit.workflows.model_configs import model_configs
    from dexkit.workflows.splits import split_setting

    samples = list(params.get("sample") or [None])
    twice = next((name for name in samples if samples.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"--sample {twice} is given twice; name every sample once")
    folds = params.get("folds")
    if folds is None and params.get("split") == "graphreg":
        folds = GRAPHREG_FOLDS
    blocks = params.get("blocks")
    named = {name: params.get(name) for name in ("epochs", "ensemble", "seed")}
    overrides = {
        "head": params.get("head"),
        "blocks": blocks.split(",") if blocks else None,
        "split": split_setting(params.get("split"), folds, None),
    } | train_settings(params.get("set_") or [], named)
    return tuple(
        config
        for sample in samples
        for config in model_configs(
            params.get("config"), overrides | {"sample": sample}, params.get("plugin") or ()
        )
    )
