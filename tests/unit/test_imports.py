"""No two files of the package import each other, directly or in a circle; imports inside functions count."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent.parent / "src"


def imports(root: Path) -> dict[str, set[str]]:
    """Module -> modules of the same tree that it imports anywhere in the file."""
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in root.rglob("*.py")
    }
    return {name: set(_imported(name, path, files)) - {name} for name, path in files.items()}


def _imported(name: str, path: Path, files: Mapping[str, Path]) -> Iterator[str]:
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                if whole in files or base in files:
                    yield whole if whole in files else base


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle of imports, in order, or nothing."""
    done: set[str] = set()
    for start in sorted(graph):
        path: list[str] = []
        todo = [(start, iter(sorted(graph[start])))]
        path.append(start)
        while todo:
            module, rest = todo[-1]
            following = next((other for other in rest if other not in done), None)
            if following is None:
                done.add(module)
                todo.pop()
                path.pop()
            elif following in path:
                return [*path[path.index(following) :], following]
            else:
                path.append(following)
                todo.append((following, iter(sorted(graph[following]))))
    return []


def test_no_circle_of_imports_between_files() -> None:
    graph = imports(SOURCE)
    assert len(graph) > 300
    assert sum(map(len, graph.values())) > 1000
    assert circle(graph) == []


@pytest.mark.parametrize(
    "line", ["from pkg.b import thing", "import pkg.b", "from pkg import b", "from . import b", "from .b import thing"]
)
@pytest.mark.parametrize("form", ["{}", "def f():\n    {}", "if TYPE_CHECKING:\n    {}"])
def test_a_circle_is_noticed(line: str, form: str, tmp_path: Path) -> None:
    folder = tmp_path / "pkg"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text(form.format(line))
    (folder / "b.py").write_text("thing = 1")
    assert circle(imports(tmp_path)) == []
    (folder / "b.py").write_text("from pkg import c")
    (folder / "c.py").write_text("import pkg.a")
    assert circle(imports(tmp_path)) == ["pkg.a", "pkg.b", "pkg.c", "pkg.a"]
