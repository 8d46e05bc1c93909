"""``dexkit features``: look into a feature file, check it, compare two, add to one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

features_app = typer.Typer(
    help="Look into a feature file, check it, compare two, add to one.", no_args_is_help=True
)

#: ``diff --exit-code`` when the files differ, as in ``git diff``.
_EXIT_DIFFERENT = 1
_FeatureFile = Annotated[Path, typer.Argument(help="Feature file.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@features_app.callback()
def _group() -> None:
    """Look into a feature file, check it, compare two, add to one."""


@features_app.command("info")
def info(path: _FeatureFile, as_json: _Json = False) -> None:
    """Show what a feature file holds and what it was made from."""
    from dexkit.features.info import describe

    facts = describe(path)
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    for key, value in facts.items():
        if not isinstance(value, dict):
            typer.echo(f"{key}: {value}")
            continue
        typer.echo(f"{key}:" if value else f"{key}: none")
        for name, entry in value.items():
            typer.echo(f"  {name}: {entry}")


@features_app.command("verify")
def verify(
    path: _FeatureFile,
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            help="Original input, or a folder that holds all of them: compared with what the "
            "build read; repeatable."
        ),
    ] = None,
) -> None:
    """Check every array and table against its stored SHA-256 and against each other.

    One line a check. Exit code 2 when anything is damaged, with one sentence that names it.
    """
    from dexkit.features.verify import verdict, verify_feature_file

    done = []
    for check in verify_feature_file(path, inputs or []):
        typer.echo(check.line)
        done.append(check)
    typer.echo(verdict(path, done))


@features_app.command("diff")
def diff(
    first: _FeatureFile,
    second: Annotated[Path, typer.Argument(help="Another feature file.")],
    as_json: _Json = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 when the content differs, else 0.")
    ] = False,
) -> None:
    """Say what differs between two feature files.

    Content is the genes, tables, arrays and their attributes; configuration, inputs and dates
    are listed too, but do not count as content.
    """
    from dexkit.features.diff import diff_feature_files, diff_lines

    found = diff_feature_files(first, second)
    typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(diff_lines(found)))
    if exit_code and not found["identical"]:
        raise typer.Exit(_EXIT_DIFFERENT)


@features_app.command("add")
def add(
    path: _FeatureFile,
    contacts: Annotated[
        list[str] | None,
        typer.Option(
            help="SAMPLE=FILE[,FILE…]: contact files of a new sample, one a replicate; repeatable."
        ),
    ] = None,
    expression: Annotated[
        list[str] | None,
        typer.Option(
            help="FILE (gene x sample table of new samples), or SAMPLE=FILE; tables of programs as "
            "in build-features; repeatable."
        ),
    ] = None,
    expression_column: Annotated[
        str | None,
        typer.Option(
            help="Column of every --expression SAMPLE=FILE (STAR: unstranded, forward, reverse)."
        ),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(help="counts, tpm or fpkm; what the file was built with when not given."),
    ] = None,
    gtf: Annotated[
        Path | None,
        typer.Option(
            help="Annotation that tells the genes of transcripts, for expression by transcript "
            "(Salmon, kallisto, RSEM isoforms)."
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(help="Sheet of new samples (TSV), as for build-features."),
    ] = None,
    block: Annotated[
        list[str] | None,
        typer.Option(help="Block that the file lacks (see dexkit plugins list); repeatable."),
    ] = None,
    depth: Annotated[
        list[str] | None,
        typer.Option(help="SAMPLE=N[,N…]: valid pairs of each replicate, as in build-features."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="BLOCK.KEY=VALUE: option of a new block, or how contacts are read."
        ),
    ] = None,
    fasta: Annotated[
        Path | None,
        typer.Option(
            help="The FASTA of the file, for plugin blocks that read it; one-hot and kmers do not."
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option(help="Threads of the kernels, and contact files read at a time.")
    ] = 1,
    max_memory: Annotated[
        str | None, typer.Option(help="What the whole process may take (2G, 500M or bytes).")
    ] = None,
) -> None:
    """Add samples and blocks to a feature file, in place and without a copy.

    Window, bins, depth and pseudocount are the file's. What is there already is never replaced.
    When it fails or is killed, the file is what it was: the next command that opens it sees to
    that.
    """
    from dexkit.cli.inputs import parse_options, read_sources
    from dexkit.features.add import AddConfig, add_to_features
    from dexkit.hooks.manager import parse_settings
    from dexkit.memory import parse_size

    contact_sources, expression_sources = read_sources(
        contacts, expression, samples, depth, expression_column
    )
    config = parse_options(
        AddConfig,
        {
            "contacts": contact_sources,
            "expression": expression_sources,
            "blocks": tuple(block or ()),
            "settings": parse_settings(set_ or []),
            "gtf": gtf,
            "measure": measure,
            "fasta": fasta,
            "n_threads": threads,
            "max_memory_bytes": parse_size(max_memory) if max_memory is not None else None,
        },
    )
    typer.echo(add_to_features(path, config).report())
