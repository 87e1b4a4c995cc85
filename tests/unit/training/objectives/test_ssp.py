from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.pad.mmdg import Mmdg
from facewarden.training.objectives.parts.prototype_objective import tokens_of
from facewarden.training.objectives.parts.prototypes import Prototypes, prototype_losses, single_sided_classes
from facewarden.training.objectives.ssp import Ssp
from stand_ins import TinyDetector, generator, make_batch

SOURCES = ("north", "south")


def faces(count: int = 4, *, seed: int = 0) -> FaceBatch:
    where = tuple(SOURCES[i // 2 % 2] for i in range(count))
    return replace(make_batch(count, size=32, seed=seed), domain=where, box=None)


def detector() -> Mmdg:
    return Mmdg.untrained({"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 1}, seed=3)


def random_case(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    source = generator(seed)
    tokens = torch.randn(3, 6, 7, dtype=torch.float64, generator=source)
    prototypes = torch.randn(3, 4, 7, dtype=torch.float64, generator=source)
    classes = torch.tensor([0, 1, 2, 0, 1, 0])
    return tokens, prototypes, classes, torch.tensor([[True, True, True, False]] * 3)


def test_bona_fide_of_all_domains_is_one_class_and_attacks_are_one_a_domain() -> None:
    label = torch.tensor([1, 0, 1, 0, 0])
    where = ("south", "south", "north", "north", "south")
    assert single_sided_classes(label, where, sources=SOURCES).tolist() == [0, 2, 0, 1, 2]
    with pytest.raises(BadInputError, match="east"):
        single_sided_classes(label, ("east", *where[1:]), sources=SOURCES)


def test_losses_are_those_of_loops_over_samples_and_classes() -> None:
    tokens, prototypes, classes, seen = random_case()
    found = prototype_losses(tokens, prototypes, classes=classes, seen=seen)
    for m in range(3):
        for i in range(6):
            terms = [
                float(torch.exp(-torch.sqrt(((tokens[m, i] - prototypes[m, k]) ** 2).sum())))
                for k in range(4)
                if bool(seen[m, k])
            ]
            expected = -torch.log(torch.tensor(terms[int(classes[i])] / sum(terms), dtype=torch.float64))
            torch.testing.assert_close(found[m, i], expected, atol=1e-7, rtol=1e-7)


def test_gradients_are_those_of_finite_differences() -> None:
    tokens, prototypes, classes, seen = random_case()
    assert torch.autograd.gradcheck(
        lambda x: prototype_losses(x, prototypes, classes=classes, seen=seen), tokens.requires_grad_(True)
    )


def test_a_token_on_its_prototype_has_a_finite_gradient() -> None:
    tokens, prototypes, classes, seen = random_case()
    tokens[:, 0] = prototypes[:, 0]
    tokens[:, 1] = prototypes[:, 2]
    tokens.requires_grad_(True)
    losses = prototype_losses(tokens, prototypes, classes=classes, seen=seen)
    losses.sum().backward()
    assert tokens.grad is not None
    assert bool(torch.isfinite(losses).all())
    assert bool(torch.isfinite(tokens.grad).all())
    assert float(tokens.grad[:, 0].abs().sum()) > 0, "the other prototypes still push"


def test_absent_classes_have_no_say_and_samples_without_a_prototype_cost_nothing() -> None:
    tokens, prototypes, classes, seen = random_case()
    moved = prototypes.clone()
    moved[:, 3] = 0.0
    one, other = (prototype_losses(tokens, p, classes=classes, seen=seen) for p in (prototypes, moved))
    assert torch.equal(one, other)
    everywhere = prototype_losses(tokens, prototypes, classes=classes, seen=torch.ones_like(seen))
    assert bool((everywhere > one).all()), "an unseen prototype would be a distractor"
    lost = seen.clone()
    lost[1, 1] = False
    some = prototype_losses(tokens.requires_grad_(True), prototypes, classes=classes, seen=lost)
    assert some[1, 1].item() == some[1, 4].item() == 0.0
    some.sum().backward()
    assert tokens.grad is not None
    assert float(tokens.grad[1, 1].abs().sum()) == 0.0
    none = prototype_losses(tokens.detach(), prototypes, classes=classes, seen=torch.zeros_like(seen))
    assert torch.equal(none, torch.zeros_like(none))


def collect(prototypes: Prototypes, tokens: torch.Tensor, classes: list[int], present: list[list[bool]]) -> None:
    prototypes.collect(tokens, classes=torch.tensor(classes), present=torch.tensor(present), count=3)


def test_prototypes_are_class_means_and_then_move_by_four_fifths() -> None:
    kept = Prototypes(keep=0.2)
    tokens = torch.tensor([[[1.0], [3.0], [8.0]]])
    collect(kept, tokens[:, :2], [0, 0], [[True, True]])
    collect(kept, tokens[:, 2:], [1], [[True]])
    kept.refresh()
    assert kept.values is not None
    assert kept.seen is not None
    assert kept.values[0, :, 0].tolist() == [2.0, 8.0, 0.0]
    assert kept.seen.tolist() == [[True, True, False]]
    collect(kept, torch.tensor([[[7.0], [9.0], [5.0]]]), [0, 0, 2], [[True, False, True]])
    kept.refresh()
    # class 0: 0.8 * 7 + 0.2 * 2, the sample without the modality left out; class 1 unchanged; class 2 taken as it is
    torch.testing.assert_close(kept.values[0, :, 0], torch.tensor([6.0, 8.0, 5.0]))
    again = Prototypes()
    again.load_state_dict(kept.state_dict())
    assert again.values is not None
    assert torch.equal(again.values, kept.values)
    with pytest.raises(ContractError, match="collected"):
        again.refresh()


def test_as_released_a_class_without_samples_is_a_zero_vector_that_is_blended_in() -> None:
    kept = Prototypes(keep=0.2, absent="zero")
    collect(kept, torch.tensor([[[2.0], [8.0]]]), [0, 1], [[True, True]])
    kept.refresh()
    assert kept.values is not None
    assert kept.seen is not None
    # three classes of the sources and that of the held-out set, which never has samples
    assert kept.values[0, :, 0].tolist() == [2.0, 8.0, 0.0, 0.0]
    assert kept.seen.tolist() == [[True] * 4]
    collect(kept, torch.tensor([[[7.0], [5.0]]]), [0, 2], [[True, True]])
    kept.refresh()
    # 0.8 fresh + 0.2 old: class 1 has no fresh sample and shrinks, class 2 grows from zero
    torch.testing.assert_close(kept.values[0, :, 0], torch.tensor([6.0, 1.6, 4.0, 0.0]))


def test_the_held_out_class_is_in_the_sum_as_released_only() -> None:
    model, batch = detector().eval(), faces()
    losses = {}
    for absent in ("left_out", "zero"):
        rule = Ssp(sources=SOURCES, absent=absent)  # type: ignore[arg-type]
        rule.refresh(model, [batch], epoch=0)
        losses[absent] = rule(model, batch).parts["loss/rgb"]
    assert float(losses["zero"]) > float(losses["left_out"])


def test_a_refresh_uses_part_of_an_epoch_and_puts_the_mode_back() -> None:
    model, rule = detector(), Ssp(sources=SOURCES)
    model.network.adapters.eval()
    used: list[str] = []

    def batches() -> Iterator[FaceBatch]:
        for number in range(12):
            yield replace(faces(2, seed=number), key=(f"{number}/a", f"{number}/b"))

    hook = model.register_forward_pre_hook(lambda _, args: used.append(args[0].key[0].split("/")[0]))
    for epoch in (0, 1, 0):
        rule.refresh(model, batches(), epoch=epoch, seed=4)
        used.append("|")
    hook.remove()
    first, second, third = " ".join(used).split("|")[:3]
    assert 2 <= len(first.split()) <= 10
    assert first.strip() != second.strip()
    assert first.strip() == third.strip()
    assert model.training
    assert not model.network.adapters.training


def test_the_total_is_cross_entropy_and_factor_times_the_mean_losses() -> None:
    model, rule, batch = detector().eval(), Ssp(sources=SOURCES, factor=0.3), faces()
    rule.refresh(model, [batch], epoch=0)
    present = {**batch.present, "depth": torch.tensor([True, False, False, True])}
    batch = replace(batch, present=present)
    loss = rule(model, batch)
    output = model(batch)
    assert rule.prototypes.values is not None
    assert rule.prototypes.seen is not None
    losses = prototype_losses(
        tokens_of(output.features),
        rule.prototypes.values,
        classes=torch.tensor([1, 0, 2, 0]),
        seen=rule.prototypes.seen,
    )
    means = [losses[0].mean(), losses[1, [0, 3]].mean(), losses[2].mean()]
    label = batch.label.float()  # type: ignore[union-attr]
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(output.score, label)
    torch.testing.assert_close(loss.total, entropy + 0.3 * sum(means))
    assert list(loss.parts) == ["cross_entropy", "loss/rgb", "loss/depth", "loss/infrared"]
    torch.testing.assert_close(loss.parts["loss/depth"], means[1])


def test_what_is_missing_is_said() -> None:
    model, batch = detector(), faces()
    with pytest.raises(ContractError, match="measured"):
        Ssp(sources=SOURCES)(model, batch)
    with pytest.raises(BadInputError, match="domain"):
        Ssp(sources=SOURCES).refresh(model, [replace(batch, domain=None)], epoch=0)
    with pytest.raises(BadInputError, match="domains are not known"):
        Ssp().refresh(model, [batch], epoch=0)
    with pytest.raises(BadInputError, match="no training batch"):
        Ssp(sources=SOURCES).refresh(model, [], epoch=0)
    with pytest.raises(ContractError, match="side by side"):
        Ssp(sources=SOURCES).refresh(TinyDetector(), [batch], epoch=0)
    with pytest.raises(BadInputError, match="keep"):
        Ssp(keep=1.0)
