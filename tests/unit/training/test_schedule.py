"""The learning rate against PyTorch's own warmup and cosine."""

from __future__ import annotations

import pytest
import torch

from facewarden.training.schedule import scheduled_rate, set_rate


@pytest.mark.parametrize(("total", "warmup"), [(100, 0.05), (40, 0.25), (7, 0.0)])
def test_the_rate_is_that_of_torch_s_schedulers(total: int, warmup: float) -> None:
    peak, rise = 2e-3, max(1, round(warmup * total))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    rising = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / rise, total_iters=max(1, rise - 1))
    rates = []
    for _ in range(rise):
        rates.append(scheduled_rate(len(rates), total, peak=peak, warmup=warmup))
        assert rates[-1] == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rising.step()
    set_rate(optimizer, peak)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total - rise)
    for step in range(rise, total):
        assert scheduled_rate(step, total, peak=peak, warmup=warmup) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        falling.step()
    assert rates[-1] == peak


def test_every_group_gets_the_rate() -> None:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in (1.0, 2.0)]
    optimizer = torch.optim.SGD(groups)
    set_rate(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]
