"""``dexkit splits``: save a split in a file, and report what leaks across one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from dexkit.evaluation.leakage import LeakageReport

splits_app = typer.Typer(
    help="Save a split in a file, and report what leaks across one.", no_args_is_help=True
)


_FeatureFile = Annotated[Path, typer.Argument(help="Feature file.")]
_Kind = Annotated[
    str,
    typer.Option(
        help="chromosome (whole chromosomes), graphreg (the 11 folds of GraphReg and EPInformer), "
        "homology (groups of related genes), chromosome-homology (whole chromosomes, genes "
        "related to those of another part left out) or random (leaky: paper protocol)."
    ),
]
_Folds = Annotated[int | None, typer.Option(help="Folds. \\[default: 5; 11 for graphreg]")]
_Seed = Annotated[int, typer.Option(help="Seed of the homology and random kinds.")]
_Kmer = Annotated[int, typer.Option("--kmer", help="Bases of the k-mers of a sketch, 8 to 31.")]
_Size = Annotated[int, typer.Option(help="k-mers a sketch.")]
_Similarity = Annotated[
    float,
    typer.Option(help="Jaccard index of the k-mers from which promoters are near-copies."),
]
_Groups = Annotated[
    Path | None,
    typer.Option(
        help="Groups of homologous genes in place of near-copies: gene id, group (hashFrag's "
        "homologous_groups.tsv)."
    ),
]
_Pairs = Annotated[
    Path | None,
    typer.Option(help="Pairs of homologous genes in place of near-copies: id, id, score."),
]
_MinScore = Annotated[float | None, typer.Option(help="Least score of a pair of --pairs.")]


@splits_app.callback()
def _group() -> None:
    """Save a split in a file, and report what leaks across one."""


@splits_app.command("make")
def make(
    features: _FeatureFile,
    out: Annotated[Path, typer.Option("--out", "-o", help="Split file to write (TSV).")],
    kind: _Kind = "chromosome",
    folds: _Folds = None,
    seed: _Seed = 0,
    kmer: _Kmer = 16,
    sketch_size: _Size = 256,
    min_similarity: _Similarity = 0.1,
    groups: _Groups = None,
    pairs: _Pairs = None,
    min_score: _MinScore = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Divide all genes of a feature file into folds, and save them for any later command.

    `fit --split FILE --fold N` uses them. Groups of the homology kinds are near-copies among the
    promoters, genes of one name, overlapping promoters and genes of one TSS bin.
    """
    from dexkit.evaluation.relations import SketchOptions
    from dexkit.workflows.splits import SplitRequest, save_splits

    sketch = SketchOptions(kmer, sketch_size, min_similarity)
    request = SplitRequest(kind, folds, seed, sketch, groups, pairs, min_score)
    table = save_splits(features, request, out, force)
    for fold in range(table.n_folds):
        sizes = {
            part: int(table.rows(fold, part).sum())
            for part in ("train", "validation", "test", "left_out")
        }
        typer.echo(f"fold {fold}: " + ", ".join(f"{n:,} {part}" for part, n in sizes.items()))
    untested = int((table.fold < 0).sum())
    typer.echo(f"{out}: {len(table):,} genes, {untested:,} of them tested by no fold")


@splits_app.command("check")
def check(
    features: _FeatureFile,
    split: Annotated[
        Path | None, typer.Option(help="Split file to check, instead of --kind.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="As for make. \\[default: chromosome]")] = None,
    folds: _Folds = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the homology and random kinds. \\[default: 0]")
    ] = None,
    kmer: _Kmer = 16,
    sketch_size: _Size = 256,
    min_similarity: _Similarity = 0.1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Write the counts of every fold as a TSV, with a figure (PNG, PDF) beside it.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Report what leaks across a split: test genes related to genes that the model learns from.

    Counts near-copies, identical promoters, genes of one name, overlapping promoters, genes of
    one TSS bin and overlapping contact profiles. The exit code is 0 whatever is found.
    """
    from dexkit.errors import ConfigError
    from dexkit.evaluation.relations import SketchOptions
    from dexkit.workflows.leakage import check_leaks_output, check_splits, save_leaks
    from dexkit.workflows.splits import SplitRequest

    if out is not None:
        check_leaks_output(out, force)
    own = {"--kind": kind, "--folds": folds, "--seed": seed}
    given = [option for option, value in own.items() if value is not None]
    if split is not None and given:
        raise ConfigError(f"{split} has its own kind, folds and seed; leave {given[0]} out")
    sketch = SketchOptions(kmer, sketch_size, min_similarity)
    request = SplitRequest(kind or "chromosome", folds, seed or 0, sketch)
    report = check_splits(features, request, split)
    if out is not None:
        save_leaks(report, out, force)
    if as_json:
        typer.echo(json.dumps(report.to_json(), indent=1))
    else:
        _show(report)


def _show(report: LeakageReport) -> None:
    from rich.table import Table

    from dexkit.cli.show import wide_console

    split, facts = report.split, report.to_json()
    n_test = sum(report.n_test)
    stamp = " (leaky)" if split["leaky"] else ""
    table = Table(
        title=f"{split['kind']} split{stamp}, {split['n_folds']} folds, {n_test:,} test genes"
    )
    table.add_column("test genes that share with training or validation genes")
    for name in ("genes", "share", "pairs"):
        table.add_column(name, justify="right", no_wrap=True)
    for leak in facts["leaks"]:
        if leak["genes"] is None:
            table.add_row(leak["text"], "not in this file", "", "")
        else:
            cells = (f"{leak['genes']:,}", f"{leak['share']:.1%}", f"{leak['pairs']:,}")
            table.add_row(leak["text"], *cells)
    console = wide_console()
    console.print(table)
    if any(report.n_left_out):
        n = sum(report.n_left_out)
        typer.echo(f"left out of training and validation: {n:,} genes, summed over the folds")
    if report.worst:
        console.print(_worst_table(report))


def _worst_table(report: LeakageReport) -> Table:
    from rich.table import Table

    table = Table(title="most similar promoters across the split")
    for name in ("fold", "similarity", "test gene", "chrom", "other gene", "chrom"):
        table.add_column(name, no_wrap=True)
    for pair in report.worst:
        table.add_row(
            str(pair["fold"]),
            f"{pair['similarity']:.2f}",
            f"{pair['test_gene']} {pair['test_name']}",
            pair["test_chrom"],
            f"{pair['other_gene']} {pair['other_name']}",
            pair["other_chrom"],
        )
    return table
