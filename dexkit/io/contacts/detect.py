"""Tell the format of a contact file by its content, never by its name."""

from __future__ import annotations

import os
from types import ModuleType

from dexkit.errors import ConfigError, FormatError, did_you_mean
from dexkit.io.contacts import (
    bedpe,
    bg2,
    fithichip,
    hicpro,
    hicpro_matrix,
    longrange,
    mango,
    maps,
    origami,
    pairs,
)
from dexkit.io.contacts.head import Head, is_position, is_strand
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.contacts.reading import Reading
from dexkit.io.contacts.source import BINARY_FORMATS

READERS: dict[str, ModuleType] = {
    reader.NAME: reader
    for reader in (
        pairs,
        hicpro,
        hicpro_matrix,
        bedpe,
        mango,
        fithichip,
        maps,
        origami,
        bg2,
        longrange,
    )
}
"""The readers of text by format name.

Each has ``NAME``, ``matches(head)`` and ``describe(head, path, options)``.
"""

FORMATS = ("auto", *READERS, *BINARY_FORMATS)
"""What ``--contacts-format`` takes."""

_WITH_SCORE = ("bedpe", "mango", "fithichip", "maps", "origami")
_SHOWN = 80


def check_options(options: ContactOptions, format: str) -> None:
    """Refuse options that a format has no use for.

    Parameters
    ----------
    options : ContactOptions
        What was asked for.
    format : str
        The format of the file; ``"auto"`` checks the name alone.

    Raises
    ------
    ConfigError
        When the format is unknown, or an option does not apply to it.
    """
    if options.format not in FORMATS:
        raise ConfigError(
            f"unknown contact format {options.format!r}; {did_you_mean(options.format, FORMATS)}"
        )
    if format == "auto":
        return
    if options.score_column is not None and format not in _WITH_SCORE:
        raise ConfigError(
            f"--score-column {options.score_column} has no meaning for the contact format "
            f"{format}; it is for {', '.join(_WITH_SCORE)}"
        )
    if options.balance.upper() != "NONE" and format not in BINARY_FORMATS:
        raise ConfigError(
            f"--balance {options.balance} has no meaning for the contact format {format}; it is "
            f"for {', '.join(BINARY_FORMATS)}"
        )
    if options.bins_bed is not None and format != hicpro_matrix.NAME:
        raise ConfigError(
            f"--bins-bed has no meaning for the contact format {format}; it is for "
            f"{hicpro_matrix.NAME}"
        )


def read_layout(head: Head, path: str | os.PathLike[str], options: ContactOptions) -> Reading:
    """Find out how a contact file (text) is to be read.

    Parameters
    ----------
    head : Head
        Its first lines.
    path : str or path-like
        For messages, and to find files beside it.
    options : ContactOptions
        ``format="auto"`` decides by content.

    Returns
    -------
    Reading
        Format, columns, stated chromosome lengths.

    Raises
    ------
    ConfigError
        When an option does not fit the format.
    FormatError
        When no format, or more than one, fits the content, or the header is malformed.
    InputError
        When a file that belongs to it is missing.
    """
    if not head.lines:
        raise FormatError("the file holds no contacts; expected at least one line", str(path))
    if options.format != "auto":
        reader = READERS[options.format]
    else:
        fitting = [reader for reader in READERS.values() if reader.matches(head)]
        if len(fitting) > 1 and options.score_column is not None:
            # A matrix has no score to choose, so that the option tells which of them it is.
            fitting = [reader for reader in fitting if reader.NAME in _WITH_SCORE] or fitting
        if len(fitting) != 1:
            raise _undecided([reader.NAME for reader in fitting], head, path)
        reader = fitting[0]
    check_options(options, reader.NAME)
    reading: Reading = reader.describe(head, path, options)
    return reading


def _undecided(fitting: list[str], head: Head, path: str | os.PathLike[str]) -> FormatError:
    """Return the error of a file that several formats fit, or none."""
    shown = repr(head.lines[0][:_SHOWN])
    line = head.line_numbers[0]
    if fitting:
        return FormatError(
            f"the contacts may be {' or '.join(fitting)}: the line {shown} fits each; say which it "
            f"is with --contacts-format {' or --contacts-format '.join(fitting)}",
            str(path),
            line,
        )
    foreign = _foreign(head)
    if foreign:
        return FormatError(
            f"the file holds {foreign}, no contacts (the line is {shown}); expected read pairs, "
            "a contact matrix or a list of loops, two places a line; give the contact file",
            str(path),
            line,
        )
    return FormatError(
        f"the format of the contacts cannot be told from the line {shown}; expected one of "
        f"{', '.join(FORMATS[1:])}; say which it is with --contacts-format",
        str(path),
        line,
    )


def _foreign(head: Head) -> str | None:
    """Name what is known not to be contacts."""
    line = head.lines[0]
    fields = line.split("\t") if "\t" in line else line.split()
    starts = {
        ("@HD", "@SQ", "@RG", "@PG"): "alignments (SAM)",
        (">",): "sequences (FASTA)",
        ("@",): "reads (FASTQ)",
        ("fixedStep", "variableStep"): "a 1-D track (wiggle)",
        ("track", "browser"): "a browser track with its track line, which has to be removed",
        ("{", "["): "JSON",
        ("<",): "HTML or XML (a web page in place of the file?)",
    }
    for beginnings, what in starts.items():
        if line.startswith(beginnings):
            return what
    if len(fields) >= 9 and is_position(fields[3]) and is_position(fields[4]):
        return "an annotation (GTF or GFF)" if fields[6] in ("+", "-", ".") else None
    if len(fields) < 3 or not (is_position(fields[1]) and is_position(fields[2])):
        return None
    if len(fields) >= 6 and is_strand(fields[5]):
        return "one region a line (BED with a strand)"
    return "one region a line (BED, bedGraph or peaks: a 1-D track)"
