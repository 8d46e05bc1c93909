"""Contact readers: one module a file format, counted into rows of TSS bins."""

from dexkit.io.contacts.detect import FORMATS
from dexkit.io.contacts.rows import ContactRows, read_contact_rows
from dexkit.io.contacts.tss_bins import TssBins

__all__ = ["FORMATS", "ContactRows", "TssBins", "read_contact_rows"]
