"""The rules of the house that no linter checks, each with a doctored case that it must catch."""

from __future__ import annotations

import ast
import doctest
import importlib
import json
import os
import re
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facewarden.core.registry import GROUPS

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "src" / "facewarden"
FILES = sorted(SOURCE.rglob("*.py"))

# put together here, so that this file does not hold what it looks for
HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"))]
FOLDERS = ["/" + name + "/" for name in ("work", "tmp", "root", "home", "Users")]
MACHINE = re.compile(
    "|".join(re.escape(host) for host in HOSTS)
    # a folder at the root of a machine: not a part of a longer path and not of a URL
    + "|"
    + "|".join(rf"(?<![\w.~/$}}-]){re.escape(folder)}" for folder in FOLDERS)
)
PICTURES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
PICKLES = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".npy", ".npz", ".joblib"}


def tracked() -> list[Path]:
    """Files that git tracks, or a skip where there is no repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git repository")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_is_longer_than_350_lines() -> None:
    assert not [name_of(path) for path in FILES if lines(path) > 350]


REGISTRIES = {SOURCE.joinpath(*package.split(".")) for package in GROUPS.values()} | {SOURCE / "cli"}
"""Folders with one file a thing, to which outsiders add; of the command line a thing is a verb."""


def crowded(files: list[Path]) -> list[str]:
    """Folders that hold more than 26 files or 4,000 lines of Python by themselves; registries may, one file a thing."""
    folders: dict[Path, list[Path]] = {}
    for path in files:
        folders.setdefault(path.parent, []).append(path)
    return [
        f"{folder.name}: {len(inside)} files, {sum(map(lines, inside))} lines"
        for folder, inside in sorted(folders.items())
        if folder not in REGISTRIES and (len(inside) > 26 or sum(map(lines, inside)) > 4000)
    ]


def test_no_folder_is_crowded() -> None:
    assert not crowded(FILES)


def test_a_crowded_folder_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    (tmp_path / "long").mkdir()
    files = [tmp_path / "many" / f"part_{number}.py" for number in range(27)]
    files += [tmp_path / "long" / f"part_{number}.py" for number in range(12)]
    for path in files:
        path.write_text("x = 1\n" * (340 if path.parent.name == "long" else 1))
    assert crowded(files) == ["long: 12 files, 4080 lines", "many: 27 files, 27 lines"]
    assert not crowded(files[1:27] + files[28:])


def describes(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the first paragraph of a docstring has at least three words."""
    return len((ast.get_docstring(node) or "").partition("\n\n")[0].split()) >= 3


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Public modules, classes, functions and methods whose docstring is absent or has fewer than three words."""
    if not describes(tree):
        yield "the module"
    documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    todo: list[tuple[str, ast.AST]] = [("", node) for node in tree.body]
    while todo:
        prefix, node = todo.pop()
        if not isinstance(node, documented) or node.name.startswith("_"):
            continue
        marks = {ast.unparse(mark).split("(")[0] for mark in node.decorator_list}
        if not describes(node) and not marks & {"overload", "override", "typing.overload"}:
            yield f"{prefix}{node.name}, line {node.lineno}"
        if isinstance(node, ast.ClassDef):
            todo += [(f"{node.name}.", child) for child in node.body]


def test_everything_public_has_a_docstring() -> None:
    private = [path for path in FILES if re.match(r"_[^_]", path.name)]
    found = [f"{name_of(path)}: {what}" for path in FILES if path not in private for what in undocumented(parsed(path))]
    found += [f"{name_of(path)}: the module" for path in private if not describes(parsed(path))]
    assert not found


def test_a_missing_docstring_is_noticed() -> None:
    source = '''
        """A documented module."""
        def bare(): ...
        def _private(): ...
        class Full:
            """A documented class."""
            def method(self): ...
            def short(self):
                """Do it."""
            def _hidden(self): ...
    '''
    found = " ".join(undocumented(ast.parse(textwrap.dedent(source))))
    assert "bare" in found
    assert "Full.method" in found
    assert "Full.short" in found
    assert "Full," not in found
    assert "the module" not in found
    assert "_private" not in found
    assert "_hidden" not in found
    assert list(undocumented(ast.parse("x = 1"))) == ["the module"]
    assert list(undocumented(ast.parse('"""."""'))) == ["the module"]


def test_no_tracked_file_names_a_registry_host_or_a_folder_of_a_machine() -> None:
    found = []
    for path in tracked():
        text = path.read_bytes()
        if b"\0" in text:
            continue
        for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), start=1):
            if MACHINE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found


@pytest.mark.parametrize(
    "text", [f"open('{FOLDERS[0]}x')", f"see https://{HOSTS[0]}/p", f"{FOLDERS[1]}run", FOLDERS[3]]
)
def test_a_machine_path_is_noticed(text: str) -> None:
    assert MACHINE.search(text)


@pytest.mark.parametrize(
    "text",
    [
        f"{before}{folder}x"
        for before, folder in zip(("src", "https://example.com", "~", "a", "b"), FOLDERS, strict=True)
    ],
)
def test_a_path_inside_a_project_is_not_mistaken_for_one(text: str) -> None:
    assert not MACHINE.search(text)


def test_no_picture_is_tracked_outside_the_docs_and_no_pickle_anywhere() -> None:
    files = [path.relative_to(ROOT) for path in tracked()]
    patches = ("tests", "golden", "files_of_0_1")  # blurred noise, the input and output of release 0.1
    allowed = [path for path in files if path.parts[0] == "docs" or path.parts[:3] == patches]
    assert not [path for path in files if path.suffix.lower() in PICTURES and path not in allowed]
    assert not [path for path in files if path.suffix.lower() in PICKLES]


def test_no_tracked_file_is_larger_than_five_megabytes() -> None:
    assert not [path.relative_to(ROOT) for path in tracked() if path.stat().st_size > 5_000_000]


def says_simulated(value: Any) -> bool:
    """Whether a result says of any of its parts that it was simulated."""
    if isinstance(value, dict):
        return value.get("simulated") is True or any(says_simulated(part) for part in value.values())
    return isinstance(value, list) and any(says_simulated(part) for part in value)


def unlabeled(folder: Path) -> list[str]:
    """Pages that show a simulated result, by their own name or by its place as seen from them, without the word."""
    pages = [path for path in folder.rglob("*") if path.suffix in (".md", ".html", ".svg")]
    found = []
    for result in sorted(folder.rglob("*.json")):
        if not says_simulated(json.loads(result.read_text(encoding="utf-8"))):
            continue
        for page in pages:
            text = page.read_text(encoding="utf-8")
            place = Path(os.path.relpath(result, page.parent)).as_posix()
            shows = page.with_suffix("") == result.with_suffix("") or re.search(
                rf"(?<![\w./-]){re.escape(place)}", text
            )
            if shows and "simulated" not in text.lower():
                found.append(f"{page.name} shows {result.name}")
    return found


def test_what_was_simulated_is_labeled_wherever_it_is_shown() -> None:
    assert not unlabeled(ROOT / "docs" / "results")


def test_a_missing_label_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text('{"presentation": {"metrics": [{"value": 0.1, "simulated": true}]}}')
    (tmp_path / "real.json").write_text('{"metrics": [{"value": 0.1, "simulated": false}]}')
    (tmp_path / "audit.md").write_text("APCER is 10 %")
    (tmp_path / "table.md").write_text("from audit.json")
    (tmp_path / "real.md").write_text("APCER is 10 %")
    assert sorted(unlabeled(tmp_path)) == ["audit.md shows audit.json", "table.md shows audit.json"]
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "audit.json").write_text('{"value": 0.1, "simulated": false}')
    (tmp_path / "inner.md").write_text("from [JSON](inner/audit.json)")  # another file of the same name
    assert "inner.md shows audit.json" not in unlabeled(tmp_path)
    for page in ("audit.md", "table.md"):
        (tmp_path / page).write_text("APCER is 10 % on simulated captures, audit.json")
    assert unlabeled(tmp_path) == []


WITH_EXAMPLES = [path for path in FILES if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name_of)
def test_the_examples_in_docstrings_are_true(path: Path) -> None:
    name = ".".join(["facewarden", *path.relative_to(SOURCE).with_suffix("").parts])
    module = importlib.import_module(name.removesuffix(".__init__"))
    # the type checks of the test run wrap functions, which hides them from doctest: parse the file's own docstrings
    tree = ast.parse(path.read_text(encoding="utf-8"))
    failed = tried = 0
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) or not (text := ast.get_docstring(node)):
            continue
        test = doctest.DocTestParser().get_doctest(
            text, dict(vars(module)), getattr(node, "name", name), str(path), getattr(node, "lineno", 1)
        )
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test)
        failed, tried = failed + result.failed, tried + result.attempted
    assert tried > 0
    assert failed == 0


WRITERS = {"write_text", "write_bytes", "save_file", "savez", "savez_compressed", "savefig", "copyfile"}
IN_MEMORY = {"buffer", "file", "out"}
"""Names of in-memory buffers that encoders write to."""
WRITES_IN_PLACE = {
    "core/run.py": "appends to a log",
    "photos/journal.py": "appends to a journal whose cut last line is ignored",
    "service/jobs/runner.py": "appends to the log of a job",
    "data/tables/csv_table.py": "called with the temporary path of the writer",
    "data/table.py": "called with the temporary path of the writer",
    "experiments/domain_generalization/crop_store.py": "fills the temporary folder of the writer",
    "assets/parts/archive.py": "unpacks into the temporary folder of a fetch",
    "assets/parts/pip_archive.py": "downloads into the temporary folder of a fetch",
    "pad/minifasnet.py": "an example of random weights, made anew where it is needed",
    "pad/onnx_file.py": "an example network, made anew where it is needed",
    "recognizers/onnx_file.py": "an example network, made anew where it is needed",
    "purifiers/onnx_file.py": "an example network, made anew where it is needed",
    "pad/http_detector.py": "an example's address, made anew where it is needed",
}
"""Files that may write otherwise, and why."""


def written_in_place(tree: ast.Module) -> Iterator[int]:
    """Lines that write a file under its own name, outside a block of `writing` or `writing_folder`."""

    def look(node: ast.AST, *, inside: bool) -> Iterator[int]:
        if isinstance(node, ast.With):
            contexts = [ast.unparse(item.context_expr) for item in node.items]
            inside = inside or any(text.startswith(("writing(", "writing_folder(")) for text in contexts)
        if isinstance(node, ast.Call) and not inside and _writes(node):
            yield node.lineno
        for child in ast.iter_child_nodes(node):
            yield from look(child, inside=inside)

    yield from look(tree, inside=False)


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    text = [arg.value for arg in call.args[:2] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    if name == "open":
        return any(re.fullmatch(r"[wax]b?\+?|r\+b?", mode) for mode in text)
    if name in ("write_text", "write_bytes"):
        return isinstance(call.func, ast.Attribute)  # a method of a path; the functions of core/files are safe
    if name in ("copy", "copy2", "move") and ast.unparse(call.func).startswith("shutil."):
        return True
    if name != "save" and name not in WRITERS:
        return False
    target = ast.unparse(call.args[0]) if call.args else ""
    return target not in IN_MEMORY and not (name == "save" and target.startswith("io."))


def test_every_file_is_written_by_the_one_writer() -> None:
    found = [(name_of(path), line) for path in FILES for line in written_in_place(parsed(path))]
    assert [f"{name}:{line}" for name, line in found if name not in WRITES_IN_PLACE] == []
    assert sorted(set(WRITES_IN_PLACE) - {name for name, _ in found}) == []  # no exception that nobody needs


@pytest.mark.parametrize(
    ("line", "noticed"),
    [
        ("path.write_text('x')", True), ("path.open('w')", True), ("open(path, 'wb')", True), ("path.open()", False),
        ("save_file(x, path)", True), ("np.savez(path, a=1)", True), ("image.save(path)", True),
        ("image.save(buffer, 'PNG')", False), ("write_text(path, 'x')", False),
        ("with writing(path) as t:\n    t.write_text('x')", False), ("shutil.copyfile(a, b)", True),
    ],
)  # fmt: skip
def test_a_file_written_in_place_is_noticed(line: str, noticed: bool) -> None:
    assert bool(list(written_in_place(ast.parse(line)))) is noticed


def private_imports(tree: ast.Module) -> list[str]:
    """Names of the package that begin with an underscore, or lie in a module that does, and are imported."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "facewarden":
            parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            found += [part for part in parts if re.match(r"_[a-z]", part)]
    return found


def test_no_test_imports_a_private_name() -> None:
    found = {path.name: private_imports(parsed(path)) for path in sorted((ROOT / "tests").rglob("*.py"))}
    assert {name: names for name, names in found.items() if names} == {}


def test_a_private_import_is_noticed() -> None:
    assert private_imports(ast.parse("from facewarden.a._b import c, _d")) == ["_b", "_d"]
    assert private_imports(ast.parse("from facewarden import __version__\nfrom other._x import _y")) == []
