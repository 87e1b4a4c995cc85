from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from facewarden.core import registry
from facewarden.core.errors import ContractError, UnknownEntryError

Plugin = Callable[..., Path]


def python(script: str, *arguments: str) -> str:
    """Run a script in a fresh interpreter and return what it prints."""
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def test_listing_every_group_imports_nothing_heavy() -> None:
    heavy = python("""
        import sys
        from facewarden.core import registry

        count = sum(len(registry.list_entries(group)) for group in registry.GROUPS)
        assert count > 5
        print(sorted({name.split(".")[0] for name in sys.modules} & {"torch", "numpy", "timm", "cv2", "PIL"}))
    """)
    assert heavy == "[]"


def test_listing_imports_no_entry() -> None:
    loaded = python("""
        import sys
        from facewarden.core import registry

        entries = [entry for group in registry.GROUPS for entry in registry.list_entries(group)]
        print([entry.module for entry in entries if entry.module in sys.modules])
    """)
    assert loaded == "[]"


def test_every_group_has_its_folder() -> None:
    for package in registry.GROUPS.values():
        spec = importlib.util.find_spec(f"facewarden.{package}")
        assert spec is not None
        assert spec.submodule_search_locations, "a package, not a file"


def test_files_are_entries_and_helpers_are_not() -> None:
    names = [entry.name for entry in registry.list_entries("attacks")]
    assert names == sorted(names)
    assert {"fgsm", "pgd", "noise"} <= set(names)
    assert not any(name.startswith("_") for name in names)


def test_an_entry_is_described_by_the_first_line_of_its_file() -> None:
    (entry,) = [entry for entry in registry.list_entries("attacks") if entry.name == "fgsm"]
    assert entry.summary == "FGSM: one step along the gradient at the clean image, the cheapest white-box attack."
    assert (entry.module, entry.origin) == ("facewarden.attacks.fgsm", "facewarden")


def test_loading_gives_what_the_file_ends_with() -> None:
    from facewarden.attacks.fgsm import FGSM

    assert registry.load("attacks", "fgsm") is FGSM


@pytest.mark.parametrize(("typed", "meant"), [("fgms", "fgsm"), ("pdg", "pgd"), ("nois", "noise")])
def test_a_slip_of_the_finger_gets_the_right_name(typed: str, meant: str) -> None:
    with pytest.raises(UnknownEntryError, match=f"did you mean .*{meant}") as error:
        registry.load("attacks", typed)
    assert error.value.hint == "facewarden list attacks"


def test_a_name_like_no_other_gets_the_whole_list() -> None:
    with pytest.raises(UnknownEntryError, match=r"known: .*fgsm.*pgd"):
        registry.load("attacks", "zzzzzz")


def test_an_unknown_group_gets_the_nearest() -> None:
    with pytest.raises(UnknownEntryError, match="did you mean attacks"):
        registry.list_entries("attack")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugin:
    """Install a distribution outside the tree, by hand: a package and the dist-info that announces it."""

    def install(source: str | bytes, *, name: str = "mine", module: str = "fake_plugin.mine", init: str = "") -> Path:
        package = tmp_path / "fake_plugin"
        package.mkdir()
        (package / "__init__.py").write_text(init)
        (package / "mine.py").write_bytes(source if isinstance(source, bytes) else textwrap.dedent(source).encode())
        info = tmp_path / "fake_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[facewarden.attacks]\n{name} = {module}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        for loaded in [key for key in sys.modules if key.split(".")[0] == "fake_plugin"]:
            monkeypatch.delitem(sys.modules, loaded)
        return package

    return install


def entry_of(name: str) -> registry.Entry:
    (entry,) = [entry for entry in registry.list_entries("attacks") if entry.name == name]
    return entry


def test_distributions_are_read_once_for_all_groups(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))  # nothing is known of this search path yet
    reads = []

    def counted(**named: str) -> Any:
        reads.append(named)
        return entry_points(**named)

    monkeypatch.setattr(registry, "entry_points", counted)
    for group in ("pad", "attacks", "purifiers"):
        registry.list_entries(group)
    assert reads == [{}]


def test_a_file_of_another_distribution_joins(plugin: Plugin) -> None:
    plugin('"""Mine: does what it does."""\nentry = 42\n')
    entry = entry_of("mine")
    assert entry.summary == "Mine: does what it does."
    assert entry.origin == "fake-plugin"
    assert "fake_plugin" not in sys.modules
    assert registry.load("attacks", "mine") == 42


def test_a_package_that_fails_on_import_does_not_spoil_the_list(plugin: Plugin) -> None:
    plugin('"""Mine."""\nentry = 1\n', init="raise RuntimeError('no driver')")
    assert entry_of("mine").summary == "Mine."
    assert entry_of("fgsm")
    with pytest.raises(ContractError, match=r"fake_plugin\.mine of fake-plugin cannot be imported.*no driver"):
        registry.load("attacks", "mine")


@pytest.mark.parametrize(
    ("source", "summary"),
    [
        ("def broken(:\n", "(cannot be parsed: line 1)"),
        ("entry = 1\n", "(no docstring)"),
        (b"\xff\xfe\x00", "(cannot be read"),
        (b"x = 1\x00\n", "(cannot be"),
    ],
)
def test_a_broken_file_is_listed_as_broken(plugin: Plugin, source: str | bytes, summary: str) -> None:
    plugin(source)
    assert entry_of("mine").summary.startswith(summary)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def broken(:\n", "cannot be imported: SyntaxError"),
        ("import a_library_that_is_not_there\n", "a_library_that_is_not_there"),
        ("1 / 0\n", "ZeroDivisionError"),
        ('"""Fine but for the last line."""\n', "defines no `entry`"),
    ],
)
def test_loading_a_broken_file_says_what_and_whose(plugin: Plugin, source: str, message: str) -> None:
    plugin(source)
    with pytest.raises(ContractError, match=message) as error:
        registry.load("attacks", "mine")
    assert "fake_plugin.mine" in str(error.value)
    assert error.value.hint


def test_an_entry_point_to_nowhere_is_listed_as_such(plugin: Plugin) -> None:
    plugin("entry = 1\n", module="fake_plugin.elsewhere")
    assert entry_of("mine").summary == "(its module cannot be found)"
    with pytest.raises(ContractError, match="cannot be imported"):
        registry.load("attacks", "mine")


def test_two_entries_of_one_name_are_refused(plugin: Plugin) -> None:
    plugin("entry = 1\n", name="fgsm")
    with pytest.raises(ContractError, match=r"has the name of facewarden\.attacks\.fgsm") as error:
        registry.list_entries("attacks")
    assert "rename" in error.value.hint
