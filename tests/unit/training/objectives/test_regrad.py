from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.pad.mmdg import Mmdg
from facewarden.training.objectives.parts.prototype_objective import PrototypeObjective
from facewarden.training.objectives.regrad import Regrad
from facewarden.training.objectives.regrad_token import RegradToken
from facewarden.training.objectives.ssp import Ssp
from stand_ins import TinyDetector, generator, make_batch

SOURCES = ("north", "south")
TINY = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32}


def faces(count: int = 4, *, seed: int = 0) -> FaceBatch:
    where = tuple(SOURCES[i // 2 % 2] for i in range(count))
    return replace(make_batch(count, size=32, seed=seed), domain=where, box=None, tasks={})


def detector(*, depth: int = 2, act: bool = True, preset: str = "paper") -> Mmdg:
    model = Mmdg.untrained({**TINY, "depth": depth, "preset": preset}, seed=3)
    for name, parameter in model.network.named_parameters():
        if act and ".up." in name:
            parameter.data = torch.randn(parameter.shape, generator=generator(len(name))) * 0.1
    return model.eval()  # no dropout, so that batches can be compared


def ready(rule: PrototypeObjective, *, width: int = 192, seed: int = 1) -> Any:
    rule.prototypes.values = torch.randn(3, 3, width, generator=generator(seed))
    rule.prototypes.seen = torch.ones(3, 3, dtype=torch.bool)
    return rule


def move_away(rule: PrototypeObjective) -> None:
    """A class of one sample has it as its prototype; at distance 0 the direction of the gradient is rounding."""
    assert rule.prototypes.values is not None
    rule.prototypes.values += torch.randn(rule.prototypes.values.shape, generator=generator(9)) * 0.1


def gradients(model: Mmdg, rule: PrototypeObjective, *batches: FaceBatch) -> dict[str, torch.Tensor]:
    model.zero_grad(set_to_none=True)
    for batch in batches:
        rule.backward(model, rule(model, batch), run=lambda total: total.backward())
    return {n: p.grad.clone() for n, p in model.network.named_parameters() if p.grad is not None}


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], *, error: float = 1e-4) -> None:
    assert set(one) == set(other)
    for name, gradient in one.items():
        scale = float(other[name].norm())
        assert float((gradient - other[name]).norm()) <= error * max(scale, 1e-6), name


def test_off_is_the_ordinary_gradient_of_the_total_for_owned_tensors() -> None:
    model, batch = detector(preset="released"), faces()
    owners = {name: owner for name, _, owner in model.network.owned()}
    off = gradients(model, ready(Regrad(sources=SOURCES, rule="off")), batch)
    total = gradients(model, ready(Ssp(sources=SOURCES)), batch)
    entropy = gradients(model, ready(Ssp(sources=SOURCES, factor=0.0)), batch)
    assert_equal(off, {name: total[name] if owners[name] else entropy[name] for name in total})
    full = gradients(model, ready(Regrad(sources=SOURCES)), batch)
    name = "adapters.0.rgb_from_depth.up.weight"
    assert not torch.allclose(full[name], off[name], rtol=1e-2)


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_after_two_steps_every_adapter_tensor_has_had_its_modulated_gradient(preset: str) -> None:
    model, batch = detector(act=False, preset=preset), faces()
    rule, plain = ready(Regrad(sources=SOURCES)), ready(Regrad(sources=SOURCES, factor=0.0))
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    reached: set[str] = set()
    for _ in range(2):
        entropy_alone = gradients(model, plain, batch)
        found = gradients(model, rule, batch)
        reached |= {name for name in found if float((found[name] - entropy_alone[name]).abs().max()) > 0}
        optimizer.step()
    owned = {name for name, _, owner in model.network.owned() if owner is not None}
    assert len(owned) == 2 * 4 * 14 + (6 if preset == "released" else 0)
    assert reached == owned, "shared tensors have the cross-entropy's gradient alone"


def test_in_the_last_block_only_the_owner_s_own_loss_arrives() -> None:
    """Elsewhere the rule could not tell an absent gradient from one that was forgotten."""
    model, batch = detector(depth=3), faces()
    output = model.streams(batch)
    named = {n: p for n, p, owner in model.network.owned() if owner is not None}
    heard: dict[str, set[int]] = {}
    for m in range(3):
        taken = torch.autograd.grad(
            output.tokens[m].square().sum(), named.values(), retain_graph=True, allow_unused=True
        )
        for name, gradient in zip(named, taken, strict=True):
            if gradient is not None and float(gradient.abs().sum()) > 0:
                heard.setdefault(name, set()).add(m)
    last, before, first = ("adapters.2.", "adapters.1.", "adapters.0.")
    assert heard[last + "rgb_from_depth.up.weight"] == {0}
    assert heard[last + "depth_from_rgb.up.weight"] == {1}
    assert heard[last + "infrared_from_rgb.up.weight"] == {2}
    assert heard[before + "depth_from_rgb.up.weight"] == {0, 1}
    assert heard[before + "infrared_from_rgb.up.weight"] == {0, 2}
    assert heard[first + "depth_from_rgb.up.weight"] == {0, 1, 2}


def test_certainty_weighs_the_fast_side_unless_told_not_to() -> None:
    model, batch = detector(), faces()
    weighed, plain = (ready(Regrad(sources=SOURCES, uncertainty=u)) for u in (True, False))
    one, other = gradients(model, weighed, batch), gradients(model, plain, batch)
    assert any(not torch.allclose(one[name], other[name]) for name in one)
    expected = model.streams(batch).certainty.mean(dim=1)
    torch.testing.assert_close(torch.tensor(weighed.report.certainty), expected)
    assert 0 < float(expected.max()) < 1


def test_the_report_tells_what_happened() -> None:
    model, rule, batch = detector(), ready(Regrad(sources=SOURCES)), faces()
    loss = rule(model, batch)
    rule.backward(model, loss, run=lambda _: None)
    report = rule.report
    parts = [float(loss.parts[f"loss/{m}"]) for m in ("rgb", "depth", "infrared")]
    assert report.speed == pytest.approx(parts)
    assert report.fastest == (parts.index(min(parts)),)
    assert all(0 <= share <= 1 for share in report.conflicts)
    assert all(norm > 0 for norm in (*report.norm, *report.norm_after))


def test_modalities_that_are_equally_fast_are_all_fast() -> None:
    """The released comparison is `loss == min(losses)`; an index of the minimum would be rgb's alone."""
    rule = Regrad(sources=SOURCES)
    assert rule._fastest(torch.tensor([0.5, 0.5, 0.7]), torch.ones(3)) == (0, 1)
    assert rule._fastest(torch.tensor([0.6, 0.5, 0.5]), torch.ones(3)) == (1, 2)
    assert rule._fastest(torch.tensor([0.5, 0.5, 0.5]), torch.ones(3)) == (0, 1, 2)
    assert rule._fastest(torch.full((3,), torch.inf), torch.ones(3)) == ()


def test_the_step_says_how_long_its_bases_are() -> None:
    model, rule, batch = detector(), ready(Regrad(sources=SOURCES)), faces()
    rule.backward(model, rule(model, batch), run=lambda _: None)
    whole, tiny = rule.report, ready(Regrad(sources=SOURCES, factor=0.3e-5))
    tiny.backward(model, tiny(model, batch), run=lambda _: None)
    assert tiny.report.ratio == pytest.approx(whole.ratio, rel=1e-3), "a ratio does not know the weight of the losses"
    assert min(tiny.report.faint) == 1.0 > min(whole.faint)


def test_running_speed_changes_slowly_and_survives_a_checkpoint() -> None:
    model, rule = detector(), ready(Regrad(sources=SOURCES, speed="running", momentum=0.9))
    gradients(model, rule, faces())
    first = rule.report.speed
    moved = ready(Regrad(sources=SOURCES, speed="running", momentum=0.9), seed=8)
    moved.load_state_dict({**moved.state_dict(), "running": rule.state_dict()["running"]})
    gradients(model, moved, faces(seed=2))
    now = moved.report.speed
    expected = [0.9 * a + 0.1 * b for a, b in zip(first, now, strict=True)]
    assert moved.state_dict()["running"].tolist() == pytest.approx(expected)
    assert moved.report.fastest == (expected.index(min(expected)),)


def test_a_modality_that_nobody_has_is_never_the_fastest() -> None:
    model, rule, batch = detector(), ready(Regrad(sources=SOURCES)), faces()
    batch = replace(batch, present={**batch.present, "depth": torch.zeros(4, dtype=torch.bool)})
    found = gradients(model, rule, batch)
    assert rule.report.speed[1] == float("inf")
    assert 1 not in rule.report.fastest
    assert all(bool(torch.isfinite(g).all()) for g in found.values())


@pytest.mark.parametrize("sizes", [[2, 2, 2], [1, 5], [3, 2, 1]])
def test_micro_batches_give_the_gradient_of_the_joined_batch(sizes: list[int]) -> None:
    model, batch = detector(preset="released"), faces(6)
    batch = replace(batch, present={**batch.present, "infrared": torch.tensor([True, False, True, True, False, True])})
    whole = gradients(model, ready(Regrad(sources=SOURCES)), batch)
    parts = [batch.select(part) for part in torch.arange(6).split(sizes)]
    rule = ready(Regrad(sources=SOURCES, accumulate=len(sizes)))
    assert_equal(gradients(model, rule, *parts), whole)
    short = ready(Regrad(sources=SOURCES, accumulate=99))
    assert not gradients(model, short, *parts), "nothing is written before the step is whole"
    short.finish()
    assert_equal({n: p.grad for n, p in model.network.named_parameters() if p.grad is not None}, whole)


def test_without_a_rule_averaging_micro_batches_would_not_do() -> None:
    """The definition is not linear: rebalancing each half and averaging is another gradient."""
    model, batch = detector(), faces(6)
    whole = gradients(model, ready(Regrad(sources=SOURCES)), batch)
    halves = [gradients(model, ready(Regrad(sources=SOURCES)), batch.select(rows)) for rows in ([0, 1, 2], [3, 4, 5])]
    name = "adapters.0.rgb_from_depth.up.weight"
    assert not torch.allclose((halves[0][name] + halves[1][name]) / 2, whole[name], rtol=1e-2)


_PROCESS = """
import os, sys, torch
from accelerate import Accelerator
sys.path.insert(0, os.path.dirname(sys.argv[1]))
import importlib.util
spec = importlib.util.spec_from_file_location("cases", sys.argv[1]); cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)
torch.set_num_threads(1)
accelerator = Accelerator(cpu=True)
rank = accelerator.process_index
assert accelerator.num_processes == 2
model, batch = cases.detector(), cases.faces(6)
wrapped = accelerator.prepare(model)
assert type(wrapped).__name__ == "DistributedDataParallel"
rows = [[0, 1, 2, 3], [4, 5]][rank]  # unequal shares
rule = cases.Regrad(sources=cases.SOURCES, accumulate=2)
rule.refresh(wrapped, [batch.select(rows)], epoch=0)
cases.move_away(rule)
for part in (rows[:1], rows[1:]):
    rule.backward(wrapped, rule(wrapped, batch.select(part)), run=accelerator.backward)
from safetensors.torch import save_file
def save(name):
    found = {n: p.grad.contiguous() for n, p in model.network.named_parameters() if p.grad is not None}
    save_file(found, f"{sys.argv[2]}.{name}{rank}")
    model.zero_grad(set_to_none=True)
save("")
half = batch.select([[0, 1, 2], [3, 4, 5]][rank])
from facewarden.core import registry
for name in ("regrad_token", "regrad_every"):
    rule = registry.load("objectives", name)(sources=cases.SOURCES)
    cases.ready(getattr(rule, "exact", rule))
    for _ in range(2 if name == "regrad_every" else 1):  # its second step is a plain one
        model.zero_grad(set_to_none=True)
        rule.backward(wrapped, rule(wrapped, half), run=accelerator.backward)
    save(name)
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_give_the_gradient_of_one_on_the_joined_batch(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    here = Path(__file__)
    paths = [str(here.parents[3]), *sys.path]
    common = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(here), str(tmp_path / "gradients")],
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors[-2000:]
    model, batch, rule = detector(), faces(6), Regrad(sources=SOURCES)
    rule.refresh(model, [batch], epoch=0)
    move_away(rule)
    alone = gradients(model, rule, batch)
    shared = [load_file(f"{tmp_path / 'gradients'}.{rank}") for rank in range(2)]
    assert all(torch.equal(shared[0][name], shared[1][name]) for name in alone), "both processes agree to the bit"
    assert_equal(shared[0], alone)
    for name, single in (("regrad_token", RegradToken(sources=SOURCES)), ("regrad_every", Ssp(sources=SOURCES))):
        both = [load_file(f"{tmp_path / 'gradients'}.{name}{rank}") for rank in range(2)]
        assert all(torch.equal(both[0][key], both[1][key]) for key in both[0])
        assert_equal(both[0], gradients(model, ready(single), batch))


def test_its_checkpoint_is_tensors_and_words() -> None:
    rule = ready(Regrad(sources=SOURCES))
    again = Regrad()
    again.load_state_dict(rule.state_dict())
    assert again.sources == SOURCES
    assert json.loads(json.dumps(rule.state_dict()["sources"])) == list(SOURCES)
    assert torch.equal(again.prototypes.values, rule.prototypes.values)  # type: ignore[arg-type]


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(BadInputError, match="momentum"):
        Regrad(momentum=1.0)
    with pytest.raises(BadInputError, match="accumulate 0"):
        Regrad(accumulate=0)
    with pytest.raises(ContractError, match="TinyDetector"):
        ready(Regrad(sources=SOURCES))(TinyDetector(), faces())
    with pytest.raises(ContractError, match="no gradient"):
        Regrad().finish()
    frozen = detector().requires_grad_(False)
    rule = ready(Regrad(sources=SOURCES))
    with pytest.raises(ContractError, match="nothing is trainable"):
        rule.backward(frozen, rule(frozen, faces()), run=lambda _: None)


def test_the_training_tells_how_many_batches_a_step_has_and_nobody_says_otherwise() -> None:
    rule = Regrad(sources=SOURCES)
    rule.gather(3)
    assert rule.accumulate == 3
    Regrad(accumulate=2).gather(2)
    with pytest.raises(BadInputError, match="regrad gathers 2 batches for a step, the training 1") as error:
        Regrad(accumulate=2).gather(1)
    assert '"accumulate": 2' in error.value.hint
