"""`import facewarden`: light, typed, and its functions stay functions; the old door still opens and says so."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import facewarden

SOURCE = Path(facewarden.__file__).parent
FUNCTIONS = sorted(set(facewarden.__all__) - {"__version__"})
PROMISED = {
    "attack", "audit", "bench", "cloak", "distill", "evaluate", "explain", "load_detector", "load_purifier",
    "load_recognizer", "purify", "report", "score", "sfa", "simulate", "train",
}  # fmt: skip


def python(code: str, *, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process without the type checks of the test run."""
    environment = os.environ | {"PYTHONPATH": str(SOURCE.parent)}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=cwd)


def test_importing_the_package_imports_nothing_heavy() -> None:
    process = python("""
        import sys, facewarden
        assert "audit" in dir(facewarden)
        heavy = {"torch", "numpy", "pydantic", "cv2", "duckdb", "matplotlib", "tyro", "rich"}
        sys.exit(f"imported {heavy & set(sys.modules)}" if heavy & set(sys.modules) else 0)
    """)
    assert process.returncode == 0, process.stderr


def test_what_was_promised_is_there_and_documented() -> None:
    assert set(FUNCTIONS) >= PROMISED
    for name in FUNCTIONS:
        function = getattr(facewarden, name)
        assert inspect.isfunction(function), name
        assert inspect.getdoc(function), name
        hints = inspect.signature(function).parameters.values()
        assert all(one.annotation is not one.empty for one in hints), name
    with pytest.raises(AttributeError, match="no attribute 'audti'"):
        _ = facewarden.audti


def test_every_function_is_still_one_after_every_module_was_imported() -> None:
    process = python("""
        import importlib, inspect, pkgutil, sys
        import facewarden
        for module in pkgutil.walk_packages(facewarden.__path__, "facewarden."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        wrong = [n for n in facewarden.__all__ if n != "__version__" and not inspect.isfunction(getattr(facewarden, n))]
        sys.exit(f"no functions: {wrong}" if wrong else 0)
    """)
    assert process.returncode == 0, process.stderr
    packages = {module.name for module in pkgutil.iter_modules([str(SOURCE)])}
    assert not packages & set(FUNCTIONS)


GOOD = """
    import os
    from pathlib import Path
    import facewarden
    from facewarden.core.roles import Detector

    def look(detector: Detector, folder: os.PathLike[str]) -> float:
        found = facewarden.score(folder, detector=detector, out="scores.csv")
        facewarden.score("photos", detector=Path("model.onnx"))
        result = facewarden.audit(preset="quick", out="runs/mine", detector=detector)
        reveal_type(facewarden.load_detector("multi_cnn"))
        return max(found.score) if result.gate is None else 0.0
"""
WRONG = {
    "facewarden.audit(preset='fast')": 'Argument "preset" to "audit" has incompatible type',
    "facewarden.score(3)": 'Argument 1 to "score" has incompatible type',
    "facewarden.audti()": 'Module has no attribute "audti"',
}


@pytest.mark.slow
def test_a_type_checker_sees_the_functions(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(textwrap.dedent(GOOD))
    (tmp_path / "wrong.py").write_text("import facewarden\n" + "".join(f"{call}\n" for call in WRONG))
    # what lies under facewarden is not what is checked here, and reading all of torch takes a minute
    outside = "torch.*,numpy.*,pydantic.*,pydantic_core.*,cv2.*,PIL.*,safetensors.*,duckdb.*,pyarrow.*,sklearn.*,timm.*"
    (tmp_path / "mypy.ini").write_text(f"[mypy]\nstrict = true\n[mypy-{outside}]\nfollow_imports = skip\n")
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", "cache", "good.py", "wrong.py"]
    # on the path of the interpreter, as an installed package is: without its py.typed mypy would not look inside
    environment = os.environ | {"PYTHONPATH": str(SOURCE.parent)}
    environment.pop("MYPYPATH", None)
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    lines = found.stdout.splitlines()
    assert [line for line in lines if line.startswith("good.py")] == [
        'good.py:11: note: Revealed type is "facewarden.core.roles.Detector"'
    ], found.stdout
    for number, expected in enumerate(WRONG.values(), start=2):
        assert [line for line in lines if line.startswith(f"wrong.py:{number}: error: {expected}")], found.stdout


def test_the_old_door_opens_with_a_warning_that_says_the_new_one() -> None:
    api = importlib.import_module("facewarden.api")
    with pytest.warns(DeprecationWarning, match=r"facewarden\.api\.score is now facewarden\.score"):
        assert api.score is facewarden.score
    with pytest.warns(DeprecationWarning, match=r"is now facewarden\.cloak_pairs"):
        assert inspect.unwrap(api.pairs) is inspect.unwrap(facewarden.cloak_pairs)  # with old names of arguments
    for name in dir(api):
        with pytest.warns(DeprecationWarning, match=rf"facewarden\.api\.{name} is now "):
            assert inspect.isfunction(getattr(api, name))
    with pytest.raises(AttributeError):
        _ = api.nothing


def test_the_old_place_takes_the_old_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    import facewarden.api

    monkeypatch.setattr(facewarden, "evaluate", lambda *values, **named: (values, named))
    with pytest.warns(DeprecationWarning, match=r"facewarden\.evaluate"):
        old = facewarden.api.evaluate
    assert old("cloaking", judge="a", passed_over=3, users=2) == (
        ("cloaking",), {"recognizer": "a", "skip_people": 3, "users": 2},
    )  # fmt: skip
    monkeypatch.setattr(facewarden, "cloak_pairs", lambda *values, **named: (values, named))
    with pytest.warns(DeprecationWarning, match=r"facewarden\.cloak_pairs"):
        old = facewarden.api.pairs
    assert old("lfw", part="1/2", shard=48) == (("lfw",), {"shard": "1/2", "per_file": 48})
