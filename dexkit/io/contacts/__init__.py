"""Contact readers: one module a file format, counted into rows of TSS bins."""

from dexkit.io.contacts.detect import FORMATS
from dexkit.io.contacts.options import ANCHOR_RULES, ContactOptions
from dexkit.io.contacts.result import ContactRows
from dexkit.io.contacts.rows import read_contact_rows
from dexkit.io.contacts.source import stored_file
from dexkit.io.contacts.tss_bins import TssBins
from dexkit.io.text import InputRecord

__all__ = [
    "ANCHOR_RULES",
    "FORMATS",
    "ContactOptions",
    "ContactRows",
    "InputRecord",
    "TssBins",
    "read_contact_rows",
    "stored_file",
]
