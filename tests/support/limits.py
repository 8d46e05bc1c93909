"""Commands under a limit that the system enforces.

The limit is set by a process of its own before it becomes the command: Python code between fork and
exec (``preexec_fn``) can hang for ever where other threads run, as they do in a process of tests.
"""

import sys

CODE = """
import os, resource, sys
kind, limit = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(kind, (limit, limit))
os.execv(sys.argv[3], sys.argv[3:])
"""


def limited(kind, limit, command):
    """The command with ``resource.setrlimit(kind, (limit, limit))``."""
    return [sys.executable, "-c", CODE, str(int(kind)), str(limit), *map(str, command)]
