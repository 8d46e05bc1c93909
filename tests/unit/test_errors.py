"""Messages are one printable line, whatever they quote."""

import pytest

from dexkit.errors import ConfigError, DexkitError, FormatError, OutputError


@pytest.mark.parametrize("kind", [DexkitError, ConfigError, OutputError])
def test_control_characters_are_escaped(kind):
    message = str(kind("the name 'a\x1b[31m\n\x00b\u2028' is odd; ≥ 1 expected …"))
    assert message == r"the name 'a\x1b[31m\n\x00b\u2028' is odd; ≥ 1 expected …"


@pytest.mark.parametrize("quote", ["'", '"'])
def test_long_quotations_are_cut(quote):
    error = FormatError(f"value {quote}{'9' * 5000}{quote} of gene 'G' is bad", "t.tsv", 7)
    assert str(error) == f"t.tsv, line 7: value {quote}{'9' * 120}…{quote} of gene 'G' is bad"
    assert (error.path, error.line) == ("t.tsv", 7)


def test_short_ones_stay():
    message = f"{'word ' * 100}'{'x' * 120}' and \"{'y' * 120}\" don't change, "
    message += f"they don't{' at all' * 40} 'here'"
    assert str(DexkitError(message)) == message
