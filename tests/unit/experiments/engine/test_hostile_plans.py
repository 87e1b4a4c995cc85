"""Plans that are made to harm: each is refused with its file's name, exit code 2, in little time and memory."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

from facewarden.cli import main
from facewarden.core.errors import BadInputError
from facewarden.experiments.engine.limits import PLAN_BYTES, PLAN_DEPTH, PLAN_VALUES
from facewarden.experiments.engine.plan_file import read_plan

LAUGHS = "kind: draws\na0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
MERGED = "kind: draws\na0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 60)
)
DIGITS = "9" * 400
CLOAKING = (
    "kind: cloaking\nset: x\nrecognizers: [a]\ncloaks: {c: {attack: pgd, level: 8, surrogates: [a]}}\npurifiers: {}\n"
)
PART = f"parts: [{{title: x, methods: [a], protocols: [{', '.join(['bcd_a'] * 3_000)}]}}]"
PRESENTATION = f"kind: presentation\ndata: {{captures: [x]}}\nmethods: {{a: {{recipe: mmdg}}}}\n{PART}\n"
SEEDS = f"seeds: {list(range(3_000))}\n"
HEADS = f"[{', '.join(f'h{n}' for n in range(200))}]"
MODELS = f"models: {{{', '.join(f'm{n}: multitask' for n in range(200))}}}\n"
HOSTILE = {
    "millions of trainings": f"{PRESENTATION}{SEEDS}".encode(),
    "hundreds of thousands of attacks": (
        f"kind: vulnerability\ncaptures: x\n{MODELS}attacks: {{fgsm: {{eps: 4}}}}\nheads: {HEADS}\n".encode()
    ),
    "half a million attacks on seeds": (
        f"kind: adversarial_training\ncaptures: x\nrecipe: multitask\n{SEEDS}methods: {{a: {{}}}}\n"
        f"attacks: {{fgsm: {{eps: 4, heads: {HEADS}}}}}\n"
    ).encode(),
    "millions of cloaks": (
        f"{CLOAKING}tables: [{{title: t, cloaks: [{', '.join('c' * 2_000)}], trackers: [nearest],"
        f" purifiers: [{', '.join(['none'] * 2_000)}]}}]\n"
    ).encode(),
    "nul byte": b"kind: vulnerability\ncaptures: a\x00b\n",
    "escaped nul": b'kind: vulnerability\ncaptures: "a\\0b"\n',
    "escaped nul in a key": b'kind: vulnerability\n"a\\0b": 1\n',
    "half a character": b'kind: vulnerability\ncaptures: "\\ud800"\n',
    "billion laughs": LAUGHS.encode(),
    "billion laughs by merging": MERGED.encode(),
    "alias inside of itself": b"kind: draws\nseeds: &a [*a]\n",
    "deep list": b"kind: draws\nseeds: " + b"[" * 10_000 + b"]" * 10_000,
    "deep mapping": b"kind: draws\nseeds: " + b"{a: " * 10_000 + b"}" * 10_000,
    "deep lines": b"kind: draws\nseeds:\n  " + b"- " * 10_000 + b"1",
    "deep keys": b"kind: draws\n" + b"? " * 10_000 + b"1",
    "never closed": b"kind: draws\nseeds: " + b"[" * 10_000,
    "number of 400 digits": f"kind: vulnerability\nsamples: {DIGITS}\n".encode(),
    "number of 400 digits in a list": f"{CLOAKING}tables: []\nseeds: [0, -{DIGITS}]\n".encode(),
    "number of 400 digits as a key": f"kind: adversarial_training\n{DIGITS}: 1\n".encode(),
    "number of 400 digits as a kind": f"kind: {DIGITS}\n".encode(),
    "number of 400 digits to be like": f"like: {DIGITS}\n".encode(),
    "number of 9,000 digits": f"kind: presentation\nseeds: [{DIGITS * 23}]\n".encode(),
    "number without end": b"kind: presentation\nseeds: [1e999]\n",
    "not a number": b"kind: presentation\nseeds: [!!float .nan]\n",
    "not UTF-8": b"kind: vulnerability\ncaptures: \xff\xfe\n",
    "UTF-16": "kind: vulnerability\n".encode("utf-16"),
    "wrong word of a type": b"kind: draws\nseeds: !!bool perhaps\n",
    "wrong number of a type": b"kind: draws\nseeds: !!int x\n",
    "no number of a type": b'kind: draws\nseeds: !!float ""\n',
    "list as a number": b"kind: draws\nseeds: !!int [1]\n",
    "date": b"kind: draws\nseeds: !!timestamp x\n",
    "binary": b"kind: draws\nseeds: !!binary x\n",
    "object": b"kind: draws\nseeds: !!python/object/apply:os.system [x]\n",
    "own tag": b"kind: draws\nseeds: !mine:int 1\n",
    "too long": b"kind: draws\n#" + b"x" * PLAN_BYTES,
    "too many values": b"kind: draws\nseeds: [" + b"1," * (PLAN_VALUES + 1) + b"]",
    "list": b"- 1\n- 2\n",
    "nothing but a comment": b"# kind: draws\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_plan_is_refused_by_name(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hostile.yaml"
    path.write_bytes(HOSTILE[name])
    started = time.process_time()
    assert main(["bench", str(path), "--out", str(tmp_path / "out")]) == 2
    assert time.process_time() - started < 20
    said = capsys.readouterr().err
    assert "hostile.yaml" in said.replace("\n", "")
    assert "Traceback" not in said
    assert len(said) < 2_000
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["billion laughs", "billion laughs by merging", "too many values", "deep list"])
def test_reading_a_hostile_plan_takes_little_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.yaml"
    path.write_bytes(HOSTILE[name])
    tracemalloc.start()
    try:
        with pytest.raises(BadInputError, match=r"hostile\.yaml"):
            read_plan(str(path))
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def test_the_limits_leave_room_for_a_long_plan(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    deep = "[" * (PLAN_DEPTH - 3) + "]" * (PLAN_DEPTH - 3)
    path.write_text(f"kind: draws\nseeds: [{', '.join(map(str, range(5_000)))}]\ndeep: {deep}\n", encoding="utf-8")
    assert read_plan(str(path)).settings["seeds"] == list(range(5_000))


def test_a_folder_is_no_plan(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(BadInputError, match=r"folder\.yaml: cannot be read"):
        read_plan(str(tmp_path / "folder.yaml"))
