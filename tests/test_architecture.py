"""The shape of the program: which part may import which, how long things get, what loads when."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: A part may import the parts of earlier rows, never those of its own row or of later ones.
ORDER = (
    ("errors", "genome", "progress"),
    ("files", "memory"),
    ("io", "simulate", "hooks"),
    ("features", "testing"),
    ("models",),
    ("training",),
    ("evaluation",),
    ("report",),
    ("workflows",),
    ("cli",),
)
LEVEL = {part: level for level, row in enumerate(ORDER) for part in row}
#: The first level that may use the kernels.
KERNEL_LEVEL = LEVEL["io"]
#: What docs/plugins.md promises to plugin authors, and the kernels.
PUBLIC = {
    f"dexkit.{part}" for part in ("errors", "files", "genome", "hooks", "io", "memory", "progress")
}
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if path.is_dir())
HEAVY = {"tensorflow", "keras", "sklearn", "matplotlib", "pandas", "scipy"}
LONGEST_MODULE, LONGEST_COMMAND = 400, 39


def sources(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "plugins" else parts
    return ".".join(parts).removesuffix(".__init__")


def is_type_checking(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def nodes(tree, *, at_import_only):
    """Yield all nodes, or those that run when the module is imported."""
    for child in ast.iter_child_nodes(tree):
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if at_import_only and (function or is_type_checking(child)):
            continue
        yield child
        yield from nodes(child, at_import_only=at_import_only)


def imports(path, *, at_import_only=False):
    """Yield ``(line, module)`` of every import; ``from x import y`` gives ``x`` and ``x.y``."""
    module = module_name(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in nodes(ast.parse(path.read_text(encoding="utf-8")), at_import_only=at_import_only):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            yield node.lineno, base
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def part_of(module):
    """``dexkit.io.fasta`` -> ``io``; None for dexkit itself and for other packages."""
    names = module.split(".")
    return names[1] if names[0] == "dexkit" and len(names) > 1 and names[1] in LEVEL else None


def wrong_way(path):
    """Return the imports of a module of dexkit that break the order."""
    part, found = part_of(module_name(path)), []
    level = LEVEL[part] if part else -1
    for line, module in imports(path):
        other = part_of(module)
        if other and other != part and LEVEL[other] >= level:
            found.append(f"{path.relative_to(ROOT)}:{line}: {part} must not import {module}")
        if module.split(".")[0] == "dexkit_ext" and level < KERNEL_LEVEL:
            found.append(f"{path.relative_to(ROOT)}:{line}: {part} must not use the kernels")
    return found


def test_every_part_has_a_place_in_the_order():
    entries = [path for path in (ROOT / "dexkit").iterdir() if not path.name.startswith("_")]
    parts = {path.stem for path in entries if path.suffix == ".py" or any(path.glob("*.py"))}
    assert parts == set(LEVEL)


def test_imports_run_one_way():
    assert [line for path in sources("dexkit") for line in wrong_way(path)] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("io/fasta.py", "from dexkit.features.schema import CODES"),
        ("io/fasta.py", "from dexkit import hooks"),
        ("hooks/specs.py", "def f():\n    import dexkit.workflows.fit"),
        ("features/build.py", "from ..models import bundle"),
        ("genome.py", "import dexkit_ext"),
        ("__init__.py", "from dexkit.errors import DexkitError"),
    ],
)
def test_the_test_sees_an_import_that_runs_the_wrong_way(tmp_path, monkeypatch, module, source):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "dexkit" / module
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    assert wrong_way(path)


def test_the_kernels_import_numpy_only():
    allowed = {*sys.stdlib_module_names, "numpy", "dexkit_ext"}
    found = {(path.name, m) for path in sources("dexkit_ext") for _, m in imports(path)}
    assert sorted(f"{n}: {m}" for n, m in found if m.split(".")[0] not in allowed) == []


def test_nobody_imports_a_plugin():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path in sources("dexkit", "dexkit_ext", "plugins")
        for line, module in imports(path)
        if module.split(".")[0] in PLUGINS
        and module.split(".")[0] != module_name(path).split(".")[0]
    ]
    assert wrong == []


def test_plugins_import_public_parts_only():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path in sources("plugins")
        for line, module in imports(path)
        if module.startswith("dexkit.") and ".".join(module.split(".")[:2]) not in PUBLIC
    ]
    assert wrong == []


def test_the_documentation_names_the_public_parts():
    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    sentence = text.partition("Plugins import ")[2].partition("Nothing else")[0]
    assert {name for name in PUBLIC | {"dexkit_ext"} if f"`{name}`" not in sentence} == set()


def test_nothing_private_crosses_a_module():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path in sources("dexkit", "plugins")
        for line, module in imports(path)
        if module.startswith("dexkit")
        and any(name.startswith("_") and not name.endswith("__") for name in module.split("."))
    ]
    assert wrong == []


def test_modules_are_short_and_have_names():
    paths = sources("dexkit", "dexkit_ext", "plugins")
    paths += sorted((ROOT / "dexkit_ext").glob("*.p[yx][xd]"))
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in paths}
    assert {name: n for name, n in lengths.items() if n > LONGEST_MODULE} == {}
    assert [str(p) for p in paths if p.stem in ("utils", "util", "helpers", "misc")] == []


def is_command(function):
    return function.name.endswith("_command") or any(
        isinstance(decorator, ast.Call) and getattr(decorator.func, "attr", "") == "command"
        for decorator in function.decorator_list
    )


def test_commands_are_short():
    """A command parses, calls the library and prints; signature and docstring do not count."""
    long = []
    for path in sources("dexkit/cli"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and is_command(node):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                n_lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                if n_lines > LONGEST_COMMAND:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}: {n_lines}")
    assert long == []


def test_light_parts_import_nothing_heavy():
    entry_modules = [ROOT / "plugins" / name / "__init__.py" for name in PLUGINS]
    paths = [ROOT / "dexkit" / "__init__.py", *sources("dexkit/cli", "dexkit/hooks")]
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path in [*paths, *entry_modules]
        for line, module in imports(path, at_import_only=True)
        if module.split(".")[0] in HEAVY
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "source",
    [
        "import dexkit",
        "import dexkit.cli.app",
        "import dexkit.hooks",
        "import dexkit_ext",
        "run('--help')",
        "run('fit', '--help')",
        "run('plugins', 'list')",
        "run('plugins', 'show', 'densenet')",
    ],
)
def test_starting_up_loads_nothing_heavy(source):
    code = (
        "import sys\n"
        "def run(*arguments):\n"
        "    from dexkit.cli.app import main\n"
        "    sys.argv = ['dexkit', *arguments]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as end:\n"
        "        assert not end.code, end.code\n"
        f"{source}\n"
        f"print('loaded', *sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    # -P: what is installed is tested, not the folder that the test is started in.
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=os.environ | {"DEXKIT_STRICT_PLUGINS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["loaded"]
