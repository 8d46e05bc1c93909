"""The ``dexkit`` command: registers the commands and turns errors into one sentence."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dexkit import __version__
from dexkit.cli.ablate import ablate_command
from dexkit.cli.build_features import build_features_command
from dexkit.cli.compare import compare_command
from dexkit.cli.cross_sample import cross_sample_command
from dexkit.cli.crossval import crossval_command
from dexkit.cli.demo import demo_command
from dexkit.cli.doctor import doctor_command
from dexkit.cli.evaluate import evaluate_command
from dexkit.cli.features import features_app
from dexkit.cli.fit import fit_command
from dexkit.cli.import_deepexpression import import_deepexpression_command
from dexkit.cli.loops import loops_command
from dexkit.cli.model import model_app
from dexkit.cli.plugins import plugins_app
from dexkit.cli.predict import predict_command
from dexkit.cli.report import report_command
from dexkit.cli.sensitivity import sensitivity_command
from dexkit.cli.simulate import simulate_command
from dexkit.cli.splits import splits_app
from dexkit.errors import DexkitError, StoppedError

#: Exit code of a wrong input or command; 1 is left for bugs, and for `features diff --exit-code`.
_EXIT_WRONG_INPUT = 2
_EXIT_INTERRUPTED = 130
#: 128 + SIGTERM, as a shell reports it: a script or scheduler must not take the run for finished.
_EXIT_SIGTERM = 143


class DexkitGroup(TyperGroup):
    """A command group that shows a :class:`DexkitError` as one line and exits with code 2."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except StoppedError as error:
            typer.echo(" ".join(str(error).split()), err=True)
            ctx.exit(_EXIT_SIGTERM if error.sigterm else _EXIT_WRONG_INPUT)
        except (DexkitError, ImportError) as error:
            # A missing or stale kernel build is an ImportError of dexkit_ext: also one sentence.
            ours = isinstance(error, DexkitError) or type(error).__name__ == "ExtensionError"
            if not ours or ctx.params.get("debug"):
                raise
            typer.echo(f"error: {' '.join(str(error).split())}", err=True)
            ctx.exit(_EXIT_WRONG_INPUT)
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            ctx.exit(_EXIT_INTERRUPTED)


app = typer.Typer(
    name="dexkit",
    cls=DexkitGroup,
    help="Predict gene expression from promoter sequence and HiChIP contacts, and explain it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _StderrHandler(logging.StreamHandler[Any]):
    """A handler that writes to what stderr is now: above the progress bars while there are some."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"dexkit {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say more about what is done.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    handler = _StderrHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("dexkit")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if verbose or debug else logging.INFO)
    logger.propagate = False


app.command("build-features")(build_features_command)
app.add_typer(features_app, name="features")
app.command("import-deepexpression")(import_deepexpression_command)
app.add_typer(splits_app, name="splits")
app.command("fit")(fit_command)
app.command("predict")(predict_command)
app.add_typer(model_app, name="model")
app.command("evaluate")(evaluate_command)
app.command("compare")(compare_command)
app.command("loops")(loops_command)
app.command("cross-sample")(cross_sample_command)
app.command("report")(report_command)
app.command("crossval")(crossval_command)
app.command("ablate")(ablate_command)
app.command("sensitivity")(sensitivity_command)
app.add_typer(plugins_app, name="plugins")
app.command("simulate")(simulate_command)
app.command("demo")(demo_command)
app.command("doctor")(doctor_command)


def main() -> None:
    """Entry point of the ``dexkit`` command."""
    app()
