"""The documentation says what the code does: hooks, records, checks, variables, examples."""

import dataclasses
import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

from dexkit import testing
from dexkit.hooks import manager, specs
from dexkit.hooks.registry import KINDS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
HOOKS = {name: f for name, f in inspect.getmembers(specs, inspect.isfunction) if "dexkit_" in name}


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_with_its_signature(name):
    signature = str(inspect.signature(HOOKS[name])).replace("'", "")
    assert f"### `{name}{signature}`\n" in TEXT


def test_no_other_hook_is_documented():
    assert set(re.findall(r"^### `(dexkit_\w+)", TEXT, flags=re.MULTILINE)) == set(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_test(name):
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "thirdparty").glob("test_*.py"))
    assert f"def test_hook_{name}(" in tests


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_field_of_a_record_is_documented_in_order(kind):
    heading = f"| field of `{kind.entry_type.__name__}` |"
    table = TEXT.partition(heading)[2].partition("\n\n")[0]
    documented = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    assert documented == [field.name for field in dataclasses.fields(kind.entry_type)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_a_documented_check(kind):
    check = f"check_{kind.name.replace(' ', '_')}"
    assert check in testing.__all__
    section = TEXT.partition(f"### `{kind.hook}(")[2].partition("\n###")[0]
    assert f"`dexkit.testing.{check}(entry)`" in section


@pytest.mark.parametrize("variable", [manager.ONLY_VARIABLE, manager.STRICT_VARIABLE])
def test_the_variables_are_documented(variable):
    assert f"| `{variable}=" in TEXT


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_run(example):
    names = {"__name__": "docs"}
    exec(compile(example, "docs/plugins.md", "exec"), names)
    for name, value in list(names.items()):
        if name in HOOKS:
            [kind] = [kind for kind in KINDS if kind.hook == name]
            assert [type(entry) for entry in value()] == [kind.entry_type]
        elif name.startswith("test_"):
            value()


@pytest.mark.parametrize("name", ["dexkit.hooks.specs", "dexkit.testing"])
def test_the_docstring_examples_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
