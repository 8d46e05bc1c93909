"""Progress bars, seen through a pseudo-terminal."""

import os
import re
import select
import subprocess
import sys

import pytest

from dexkit import progress

pty = pytest.importorskip("pty")

BEGIN = """
import threading, time
from dexkit import progress
progress.SHOW_AFTER_S = 0.1
"""
WORK = """
def work(name, total, seconds):
    with progress.progress_bar(name, total, unit="MB") as advance:
        for _ in range(10):
            time.sleep(seconds / 10)
            advance(1.5)
"""


def on_terminal(code):
    """Run Python with stderr on a terminal of 100 columns; return what appeared there."""
    main, other = pty.openpty()
    env = os.environ | {"COLUMNS": "100", "TERM": "xterm", "NO_COLOR": "1"}
    # A process that hangs shows where, and ends.
    guard = "import faulthandler; faulthandler.dump_traceback_later(60, exit=True)\n"
    process = subprocess.Popen([sys.executable, "-c", guard + code], stderr=other, env=env)
    os.close(other)
    seen = b""
    try:
        # Not every system tells the reader that the other side was closed.
        while True:
            if select.select([main], [], [], 0.2)[0]:
                if not (chunk := os.read(main, 4096)):
                    break
                seen += chunk
            elif process.poll() is not None:
                break
    except OSError:  # the other side has been closed
        pass
    os.close(main)
    assert process.wait(timeout=60) == 0, seen
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())


def test_long_work_has_a_bar_with_rate_and_time_left():
    seen = on_terminal(BEGIN + WORK + "work('contacts x.pairs.gz', 15, 1.5)")
    assert "contacts x.pairs.gz" in seen
    assert re.search(r"\d+%", seen)
    assert re.search(r"\d+\.\d MB/s", seen)
    assert re.search(r"0:00:0\d 0:00:0\d", seen)  # time taken, time left


def test_short_work_has_none():
    assert on_terminal(BEGIN + WORK + "progress.SHOW_AFTER_S = 60\nwork('short', 15, 0.3)") == ""


def test_the_bar_appears_though_nothing_is_reported():
    code = "with progress.progress_bar('annotation', None):\n    time.sleep(0.6)"
    seen = on_terminal(BEGIN + code)
    assert "annotation" in seen
    assert "%" not in seen


def test_work_side_by_side_has_a_bar_each():
    code = """
threads = [threading.Thread(target=work, args=(f"file {i}", 15, 1.2)) for i in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
with progress.progress_bar("afterwards", 1): time.sleep(0.5)
for _ in range(200):  # the thread that draws ends in its own time
    if threading.active_count() == 1: break
    time.sleep(0.05)
else: raise AssertionError("a thread is left")
"""
    seen = on_terminal(BEGIN + WORK + code)
    frames = [seen.find(f"file {i}") for i in range(3)]
    assert min(frames) >= 0
    # One display holds all three: their lines follow each other.
    assert re.search(r"file \d[^\n]*\r?\nfile \d[^\n]*\r?\nfile \d", seen)
    assert "afterwards" in seen


def test_log_lines_stand_above_the_bars():
    code = """
import logging
from dexkit.cli.app import _StderrHandler
logger = logging.getLogger("dexkit")
logger.handlers[:] = [_StderrHandler()]
with progress.progress_bar("reading", 10):
    time.sleep(0.5)
    logger.warning("25 names mapped")
    time.sleep(0.3)
"""
    seen = on_terminal(BEGIN + code)
    assert re.search(r"(^|\n|\r) *25 names mapped", seen)


def test_an_error_takes_the_bar_away():
    code = """
try:
    with progress.progress_bar("reading", 10):
        time.sleep(0.4)
        raise ValueError
except ValueError:
    pass
assert progress._BOARD._display is None
"""
    assert "reading" in on_terminal(BEGIN + code)


def test_no_terminal_no_bar_and_no_thread(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SHOW_AFTER_S", 0)
    monkeypatch.setattr(progress.threading, "Timer", None)
    with progress.progress_bar("quiet", 3) as advance:
        advance(3)
    assert capsys.readouterr().err == ""


def test_two_seconds_is_the_shortest_work_with_a_bar():
    assert progress.SHOW_AFTER_S == 2
