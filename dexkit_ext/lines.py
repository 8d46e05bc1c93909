"""What the text counters have in common: chunks in, whole lines to the kernel, errors out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NoReturn, Self

from dexkit_ext import _lines

MAX_UNKNOWN = 20
"""Names of unknown chromosomes that a counter keeps."""

_COLUMNS = {
    "\t": (rb"\t", "tab-separated columns"),
    " ": (rb"[ \t]+", "columns between blanks"),
    ",": (rb",", "comma-separated columns"),
}
_SHOWN = 40


class LineError(ValueError):
    """A line of a text file cannot be read.

    Parameters
    ----------
    line : int
        1-based line number, header lines included.
    reason : str
        What is wrong, and what was expected.
    """

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(f"line {line}: {reason}")

    def __reduce__(self) -> tuple[type[Self], tuple[int, str]]:
        return type(self), (self.line, self.reason)


class LineCounter:
    r"""Feed a kernel with chunks of bytes, and word what it reports.

    Parameters
    ----------
    kernel : LineKernel
        A compiled kernel; the names that it shall know are added here.
    codes : mapping of str to int
        Chromosome index of every name and alias.
    columns : sequence of int
        Column of each field.
    fields : sequence of str
        What each field is, in words.
    separator : {"\t", " ", ","}
        What separates the columns.
    """

    _error: ClassVar[type[LineError]] = LineError
    _content: ClassVar[str]

    def __init__(
        self,
        kernel: Any,
        codes: Mapping[str, int],
        columns: Sequence[int],
        fields: Sequence[str],
        separator: str,
    ) -> None:
        self._kernel = kernel
        self._columns = columns
        self._fields = fields
        self._separator = separator
        self.unknown_chroms: list[str] = []
        for name, code in codes.items():
            kernel.add_name(name.encode(), code)
        # The incomplete line at the end of the last chunk.
        self._tail = bytearray()
        self._closed = False

    @property
    def n_lines(self) -> int:
        """Number of the last line read, comments included."""
        return int(self._kernel.n_lines)

    @property
    def n_cis(self) -> int:
        """Lines with both ends on one known chromosome."""
        return int(self._kernel.n_cis)

    @property
    def n_trans(self) -> int:
        """Lines with ends on two known chromosomes."""
        return int(self._kernel.n_trans)

    @property
    def n_unknown_chrom(self) -> int:
        """Lines with an end on an unknown chromosome."""
        return int(self._kernel.n_unknown_chrom)

    def feed(self, chunk: bytes | bytearray | memoryview) -> None:
        """Count the next bytes of the (decompressed) text; a chunk may end anywhere.

        Parameters
        ----------
        chunk : bytes, bytearray or memoryview
            The bytes that follow those of the last call.

        Raises
        ------
        LineError
            A malformed line, as the error of this kind of file. The counter is of no further use.
        TypeError
            ``chunk`` is not bytes.
        ValueError
            The counter is finished.
        """
        self._check_open()
        if isinstance(chunk, bytearray | memoryview):
            chunk = bytes(chunk)
        if not isinstance(chunk, bytes):
            raise TypeError(f"a chunk must be bytes; got {type(chunk).__name__}")
        start = 0
        if self._tail:
            start = chunk.find(b"\n") + 1
            self._tail += chunk[:start] if start else chunk
            if start:
                self._parse(bytes(self._tail), 0)
                self._tail.clear()
        if start or not self._tail:
            self._tail += memoryview(chunk)[self._parse(chunk, start) :]
        if len(self._tail) > _lines.MAX_LINE_BYTES:
            self._fail(_lines.STATUS_TOO_LONG, self.n_lines + 1, b"", 0)

    def finish(self) -> None:
        """Count the last line, where it lacks its line feed, and close the counter.

        Raises
        ------
        LineError
            The last line is malformed, for example cut short.
        ValueError
            The counter is finished.
        """
        self._check_open()
        if self._tail:
            self._tail += b"\n"
            self._parse(bytes(self._tail), 0)
            self._tail.clear()
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("this counter is finished (or has failed); make another one")

    def _parse(self, data: bytes, start: int) -> int:
        """Count the whole lines of ``data``; return where the incomplete one starts."""
        kernel = self._kernel
        while True:
            status = kernel.parse(data, start)
            start = kernel.at
            if status == _lines.STATUS_OK:
                return int(start)
            # The kernel stops before a line that it lacks something for, and counts it then.
            if status == _lines.STATUS_NO_ROOM:
                self._make_room()
                continue
            found = data[kernel.error_start : kernel.error_stop]
            if status != _lines.STATUS_NEW_NAME:
                line = kernel.blank_line if status == _lines.STATUS_BLANK_LINE else kernel.n_lines
                self._fail(status, line, found, kernel.error_role)
            kernel.add_name(found, _lines.NAME_UNKNOWN)
            self.unknown_chroms.append(found.decode("utf-8", "backslashreplace"))
            if len(self.unknown_chroms) == MAX_UNKNOWN:
                kernel.learn_names = False

    def _make_room(self) -> None:
        """Give the kernel what it asks for; only some kernels ask."""
        raise NotImplementedError

    def _fail(self, status: int, line: int, found: bytes, role: int) -> NoReturn:
        """Raise the error that a status code stands for."""
        self._closed = True
        raise self._error(int(line), self._reason(status, found, role))

    def _reason(self, status: int, found: bytes, role: int) -> str:
        """Word a status code; ``found`` is the field or the line at fault."""
        if status == _lines.STATUS_TOO_LONG:
            return f"longer than {_lines.MAX_LINE_BYTES} bytes; this is not {self._content}"
        if status == _lines.STATUS_NUL_BYTE:
            return "a NUL byte; expected text (is the file damaged, or still compressed?)"
        if status == _lines.STATUS_BLANK_LINE:
            return "an empty line; only the end of the file may have one"
        if status == _lines.STATUS_TOO_FEW_COLUMNS:
            pattern, words = _COLUMNS[self._separator]
            cells = re.split(pattern, found.strip(b" \t") if self._separator == " " else found)
            return (
                f"got {len(cells)} {words}; expected at least {max(self._columns) + 1} "
                "(is the file cut short?)"
            )
        text = repr(found[:_SHOWN].decode("utf-8", "backslashreplace"))
        if status == _lines.STATUS_BAD_QUOTE:
            return (
                f"column {self._kernel.error_number + 1} is {text}; expected double quotes around "
                "a whole field, without commas or quotes inside"
            )
        what = f"{self._fields[role]} (column {self._columns[role] + 1})"
        if status == _lines.STATUS_EMPTY_FIELD:
            return f"the {what} is empty"
        if status == _lines.STATUS_BAD_NUMBER:
            if found.isdigit():
                return f"the {what} is {text}; expected at most {_lines.MAX_NUMBER_DIGITS} digits"
            return f"the {what} is {text}; expected a whole number"
        if status == _lines.STATUS_BAD_VALUE:
            return f"the {what} is {text}; expected a finite number of 0 or more"
        return self._range_reason(status, what, found, role)

    def _range_reason(self, status: int, what: str, found: bytes, role: int) -> str:
        """Word a number that does not fit; what does depends on the kind of file."""
        raise NotImplementedError
