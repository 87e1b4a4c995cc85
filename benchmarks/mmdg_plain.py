"""MMDG written the plain way: each modality on its own, twenty dropout copies, every graph retained; a yardstick.

It reads the parameters of a `MmdgVit` and shares no code with its forward pass, so that it is both what
`mmdg_step.py` measures against and what the tests compare outputs and gradients with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

NAMES = ("rgb", "depth", "infrared")
DROPOUT, RATE, SAMPLES = 0.3, 2.25, 20


def certainty(activation: Tensor, *, sampled: bool) -> Tensor:
    """Certainty of each token, from stacked dropout copies or from the closed form."""
    with torch.no_grad():
        if sampled:
            copies = torch.stack([F.dropout(activation, DROPOUT, training=True) for _ in range(SAMPLES)])
            deviation = copies.std(dim=0)
        else:
            deviation = activation.abs() * math.sqrt(DROPOUT / (1 - DROPOUT))
        return torch.exp(-RATE * deviation).mean(dim=-1)


def central_difference(maps: Tensor, weight: Tensor, theta: float) -> Tensor:
    """Two convolutions: the plain one, less theta times the summed kernel as a 1x1 convolution."""
    plain = F.conv2d(maps, weight, padding=1)
    return plain - theta * F.conv2d(maps, weight.sum(dim=(2, 3), keepdim=True))


def adapter(module: Any, helper: Tensor, receiver: Tensor, *, gate: Tensor) -> Tensor:
    """One U-Adapter, equation 4 with the released residual."""
    keep = F.linear(receiver, module.down_receiver.weight, module.down_receiver.bias)
    keep = keep * torch.sigmoid(1.702 * keep)
    asked = F.linear(helper, module.down_helper.weight, module.down_helper.bias)
    asked = asked * torch.sigmoid(1.702 * asked)
    batch, count, hidden = keep.shape
    query, key, value = (
        F.linear(x, layer.weight).reshape(batch, count, hidden, 1).transpose(1, 2)
        for x, layer in ((asked, module.query), (keep, module.key), (keep, module.value))
    )
    logits = (query @ key.transpose(-2, -1)) * gate[:, None, :, None]
    mixed = (logits.softmax(dim=-1) @ value).transpose(1, 2).reshape(batch, count, hidden)
    mixed = F.linear(mixed, module.out.weight, module.out.bias) + keep
    mixed = F.layer_norm(mixed, (hidden,), module.norm.weight, module.norm.bias, module.norm.eps)
    side = math.isqrt(count - 1)
    maps = mixed[:, 1:].transpose(1, 2).reshape(batch, hidden, side, side)
    patches = central_difference(maps, module.conv.weight, module.conv.theta)
    first = central_difference(mixed[:, :1].transpose(1, 2)[..., None], module.conv.weight, module.conv.theta)
    tokens = torch.cat([first.flatten(2), patches.flatten(2)], dim=2).transpose(1, 2)
    tokens = tokens * torch.sigmoid(1.702 * tokens)
    return F.linear(F.dropout(tokens, module.dropout, module.training), module.up.weight, module.up.bias)


def forward(model: Any, images: Tensor, *, sampled: bool) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Logits, the three class tokens and their certainties.

    Args:
        model: a `MmdgVit`.
        images: `(3, b, 3, s, s)`, normalized.
        sampled: draw dropout copies.
    """
    streams = []
    for name, image in zip(NAMES, images, strict=True):
        patches = model.patches[name](image)
        first = model.class_tokens[name].expand(len(image), -1, -1)
        streams.append(model.norm_pre(torch.cat([first, patches], dim=1) + model.positions[name]))
    gates: list[Tensor] = []
    for block, adapters in zip(model.blocks, model.adapters, strict=True):
        hidden, normal, gates = [], [], []
        for stream in streams:
            attended = block.attn(block.norm1(stream))
            gates.append(certainty(attended, sampled=sampled))
            hidden.append(stream + block.ls1(attended))
            normal.append(block.norm2(hidden[-1]))
        red, deep, near = normal
        added = [
            adapter(adapters["rgb_from_depth"], deep, red, gate=gates[1])
            + adapter(adapters["rgb_from_infrared"], near, red, gate=gates[2]),
            adapter(adapters["depth_from_rgb"], red, deep, gate=gates[0]),
            adapter(adapters["infrared_from_rgb"], red, near, gate=gates[0]),
        ]
        streams = [h + block.ls2(block.mlp(n)) + a for h, n, a in zip(hidden, normal, added, strict=True)]
    tokens = [model.norm(stream)[:, 0] for stream in streams]
    return model.head(torch.cat(tokens, dim=1)), tokens, [gate[:, 0] for gate in gates]


def prototype_loss(token: Tensor, prototypes: Tensor, classes: Tensor, *, seen: Tensor) -> Tensor:
    """Cross-entropy over negative distances, sample by sample and class by class."""
    losses = []
    for vector, wanted in zip(token, classes.tolist(), strict=True):
        terms = {k: torch.exp(-(vector - prototypes[k]).norm()) for k in range(len(prototypes)) if bool(seen[k])}
        losses.append(-torch.log(terms[wanted] / sum(terms.values())))
    return torch.stack(losses).mean()


def rebalance(gradients: Sequence[Tensor | None], owner: int, fastest: int, *, weights: Sequence[float]) -> Tensor:
    """Equation 5 for one tensor, as three branches see it."""
    like = next(g for g in gradients if g is not None)
    flat = [torch.zeros_like(like).flatten() if g is None else g.flatten() for g in gradients]
    others = [k for k in range(3) if k != owner]

    def kept(base: Tensor, fast: Tensor) -> Tensor:
        dot = torch.dot(base, fast)
        along = dot / (torch.dot(base, base) + 1e-8) * base
        return along if dot > 0 else fast - along

    if owner == fastest:
        base = flat[others[0]] + flat[others[1]]
        result = base + weights[owner] * kept(base, flat[owner])
    else:
        result = flat[owner] + sum(weights[k] * kept(flat[owner], flat[k]) for k in others)
    return result.reshape(like.shape)


def step(
    model: Any,
    images: Tensor,
    labels: Tensor,
    *,
    classes: Tensor,
    prototypes: Tensor,
    seen: Tensor,
    sampled: bool,
    factor: float = 0.3,
) -> dict[str, Tensor]:
    """Four backward passes through retained graphs, then the rule; the final gradient of every trainable tensor."""
    logits, tokens, gates = forward(model, images, sampled=sampled)
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    ssp = [prototype_loss(t, prototypes[m], classes, seen=seen[m]) for m, t in enumerate(tokens)]
    taken: list[dict[str, Tensor | None]] = []
    for loss in (*(factor * x for x in ssp), F.cross_entropy(logits, labels)):
        model.zero_grad(set_to_none=True)
        loss.backward(retain_graph=True)
        taken.append({n: None if p.grad is None else p.grad.clone() for n, p in named.items()})
    fastest = min(range(3), key=lambda m: float(ssp[m].detach()))
    weights = [float(gate.mean()) for gate in gates]
    final = {}
    for name, parameter in named.items():
        receiver = name.split(".")[2].split("_")[0] if name.startswith("adapters") else name.split(".")[1]
        plain = taken[3][name]
        total = torch.zeros_like(parameter) if plain is None else plain
        if receiver in NAMES and any(t[name] is not None for t in taken[:3]):
            total = total + rebalance([t[name] for t in taken[:3]], NAMES.index(receiver), fastest, weights=weights)
        final[name] = total
    return final
