"""The journal of an addition: what is put back, when, and who is told what."""

import fcntl
import os

import pytest

from dexkit.errors import FormatError, InputError, OutputError
from dexkit.features import journal as module
from dexkit.features.journal import clear_for_new, journal_path, recover, undoable

#: Two arrays, 10 bytes each, between 3 pieces of other content.
OLD = b"aaaa" + b"0123456789" + b"bbbbbb" + b"9876543210" + b"cc"
KEPT = [(20, 30), (4, 14)]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "f.h5"
    path.write_bytes(OLD)
    return path


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_S", 0.0)


def change(path, more=b"new array"):
    """Write over all that an addition may touch, and behind the end."""
    data = path.read_bytes()
    path.write_bytes(b"XXXX" + data[4:14] + b"XXXXXX" + data[20:30] + b"XX" + more)


def interrupted(path):
    """Leave a file as a killed addition does; return the journal."""
    with undoable(path, KEPT):
        change(path)
        left = journal_path(path).read_bytes()
    journal_path(path).write_bytes(left)
    return journal_path(path)


def names(path):
    return sorted(p.name for p in path.parent.iterdir())


def test_a_finished_change_stays(file):
    with undoable(file, KEPT):
        assert names(file) == [".f.h5.undo", "f.h5"]
        change(file)
    assert file.read_bytes().endswith(b"XXnew array")
    assert names(file) == ["f.h5"]
    assert not recover(file)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("changes", [0, 1])
def test_an_error_puts_the_old_content_back(file, error, changes):
    def fail():
        with undoable(file, KEPT):
            for _ in range(changes):
                change(file)
            raise error

    with pytest.raises(error):
        fail()
    assert file.read_bytes() == OLD
    assert names(file) == ["f.h5"]


def test_what_a_killed_process_left_is_put_back_and_said(file, caplog):
    interrupted(file)
    assert file.read_bytes() != OLD
    with caplog.at_level("WARNING", logger="dexkit"):
        assert recover(file)
    assert "f.h5: an addition was interrupted; the file is put back to what it was" in caplog.text
    assert file.read_bytes() == OLD
    assert names(file) == ["f.h5"]


def test_putting_back_may_be_broken_off_and_repeated(file, monkeypatch):
    interrupted(file)

    def die(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(KeyboardInterrupt):
        recover(file)
    monkeypatch.undo()
    assert names(file) == [".f.h5.undo", "f.h5"]
    assert recover(file)
    assert file.read_bytes() == OLD


def test_the_journal_lies_beside_the_file_itself_not_beside_a_link(file, tmp_path):
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "other.h5"
    link.symlink_to(file)
    interrupted(file)
    assert recover(link)
    assert file.read_bytes() == OLD


@pytest.mark.parametrize("n_bytes", [0, 3, 14, 15, 40])
def test_a_journal_that_was_not_complete_changes_nothing(file, n_bytes):
    """Its writer was killed before it touched the file."""
    journal = interrupted(file)
    whole = journal.read_bytes()
    file.write_bytes(OLD)
    journal.write_bytes((whole[:14] + b"w" + whole[15:])[:n_bytes])
    assert not recover(file)
    assert file.read_bytes() == OLD
    assert names(file) == ["f.h5"]


@pytest.mark.parametrize("place", [0, 5, 14, 20, 60, -40, -1])
def test_a_damaged_journal_is_not_used(file, place):
    journal = interrupted(file)
    broken = bytearray(journal.read_bytes())
    broken[place] ^= 1
    journal.write_bytes(broken)
    before = file.read_bytes()
    with pytest.raises(FormatError, match=r"\.f\.h5\.undo: the journal .* is damaged"):
        recover(file)
    assert file.read_bytes() == before
    assert journal.exists()


def test_a_cut_off_journal_is_not_used(file):
    journal = interrupted(file)
    journal.write_bytes(journal.read_bytes()[:-1])
    with pytest.raises(FormatError, match="is damaged"):
        recover(file)


@pytest.mark.parametrize("content", [OLD[:10], OLD.replace(b"5", b"6") + b"more", b""])
def test_a_journal_of_another_file_is_not_used(file, content):
    interrupted(file)
    file.write_bytes(content)
    with pytest.raises(FormatError, match="belongs to another file; delete the journal if"):
        recover(file)
    assert file.read_bytes() == content


def test_a_journal_without_its_file(file):
    interrupted(file)
    file.unlink()
    with pytest.raises(InputError, match="which is not there; put the file back beside it"):
        recover(file)


def test_a_new_file_replaces_the_journal_of_one_that_was_deleted(file, caplog):
    journal = interrupted(file)
    new = file.rename(file.with_name("new.h5"))  # like it: the same arrays built once more
    (file.parent / "other.h5").write_bytes(b"short")
    (file.parent / "copy.h5").write_bytes(OLD)  # a copy from before needs no journal
    with pytest.raises(InputError, match=r"addition to new\.h5, which was called f\.h5 then"):
        clear_for_new(file)
    assert journal.exists()  # a build that fails later loses nothing
    with caplog.at_level("WARNING", logger="dexkit"):
        clear_for_new(file, new=new)
    assert f"{journal}: removed; it was left by an interrupted addition to an" in caplog.text
    assert not journal.exists()
    clear_for_new(file, new=new)


def test_the_journal_of_a_renamed_file_is_kept(file):
    journal = interrupted(file)
    file.rename(file.with_name("g.h5"))
    for new in (None, file.with_name("new.h5")):
        with pytest.raises(InputError, match=r"addition to g\.h5, which was called f\.h5 then"):
            clear_for_new(file, new)
    file.with_name("g.h5").rename(file)
    clear_for_new(file)  # the file is there: it is put in order
    assert (file.read_bytes(), journal.exists()) == (OLD, False)


@pytest.mark.parametrize(
    "content", [b"", b"dexkit-undo 1\nw", b"dexkit-undo 1\ncrubbish", b"x" * 99]
)
def test_a_journal_that_puts_nothing_back_stands_in_no_way(file, content):
    file.rename(file.with_name("g.h5"))
    journal_path(file).write_bytes(content)
    clear_for_new(file, new=file.with_name("new.h5"))
    assert names(file) == ["g.h5"]


def test_a_journal_in_use_or_out_of_reach_is_not_removed(file, monkeypatch):
    journal = interrupted(file)
    file.unlink()
    with journal.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InputError, match=r"f\.h5 is being added to by process"):
            clear_for_new(file, new=file.with_name("new.h5"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match="is in the way and may not be removed; delete it as"):
        clear_for_new(file, new=file.with_name("new.h5"))
    assert journal.exists()


def test_while_the_writer_lives_everybody_else_waits(file):
    with undoable(file, KEPT):
        change(file)
        changed = file.read_bytes()
        words = rf"f\.h5 is being added to by process {os.getpid()} on .*; wait until that is done"
        with pytest.raises(InputError, match=words):
            recover(file)
        with pytest.raises(InputError, match=words), undoable(file, KEPT):
            raise AssertionError("not reached")
        assert file.read_bytes() == changed
    assert file.read_bytes() == changed


def test_another_process_may_put_back_at_the_same_time(file, monkeypatch):
    """Its lock goes, and with it the journal: no error."""
    journal = interrupted(file)
    monkeypatch.setattr(module, "_PATIENCE_S", 60.0)
    other = journal.open("rb+")
    fcntl.flock(other, fcntl.LOCK_EX)

    def finish(seconds):
        journal.unlink()
        other.close()

    monkeypatch.setattr(module.time, "sleep", finish)
    assert not recover(file)


def test_without_permission_it_is_said_what_to_do(file, monkeypatch):
    interrupted(file)
    before = file.read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"needs permission to write .* as somebody who may"):
        recover(file)
    assert file.read_bytes() == before
    monkeypatch.undo()
    assert recover(file)


def test_without_permission_a_living_writer_is_named(file, monkeypatch):
    with undoable(file, KEPT):
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        with pytest.raises(InputError, match=f"being added to by process {os.getpid()}"):
            recover(file)


def test_a_file_system_without_locks(file, monkeypatch):
    def refuse(handle, how):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OutputError, match=r"cannot lock files .*No locks available"):
        with undoable(file, KEPT):
            raise AssertionError("not reached")
    assert names(file) == ["f.h5"]


def test_a_journal_that_cannot_be_written_changes_nothing(file, monkeypatch):
    def full(descriptor, data, offset):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OutputError, match="the disk is full"):
        with undoable(file, KEPT):
            raise AssertionError("not reached")
    assert file.read_bytes() == OLD
    assert names(file) == ["f.h5"]


def test_an_error_while_hdf5_has_the_file_open_is_left_to_the_next_process(file):
    """HDF5 may write again when the process ends: the journal and its lock must stay till then."""

    def fail():
        with undoable(file, KEPT) as under_way:
            change(file)
            under_way.undo_later = True
            raise OSError("cannot close")

    with pytest.raises(OSError, match="cannot close"):
        fail()
    assert names(file) == [".f.h5.undo", "f.h5"]
    with pytest.raises(InputError, match="is being added to by process"):
        recover(file)
    module._HELD.pop().close()  # as the end of the process does
    assert recover(file)
    assert file.read_bytes() == OLD
