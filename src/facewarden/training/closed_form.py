"""Fit a detector in closed form: describe the training and development crops once, solve, say what was chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.progress import track
from facewarden.nn.closed_form import ClosedForm, DescribedRows


def fit_closed_form(model: ClosedForm, train: Iterable[FaceBatch], *, dev: Iterable[FaceBatch]) -> list[dict[str, Any]]:
    """Fit a detector in place and return a log of one entry.

    Args:
        model: left frozen, in evaluation mode.
        train: labeled crops; a margin around the view is cut away.
        dev: labeled crops of other people of the same sources, on which the strength is chosen.

    Raises:
        BadInputError: either has no rows, or only one class.
    """
    rows = described(model, train, label="describing")
    return fit_rows(model, rows, dev=described(model, dev, label="describing dev"))


def fit_rows(model: ClosedForm, train: DescribedRows, *, dev: DescribedRows) -> list[dict[str, Any]]:
    """Fit a detector in place to rows that are described already and return a log of one entry.

    Args:
        model: left frozen, in evaluation mode.
        train, dev: rows of both classes.
    """
    found = model.fit(train, dev=dev)
    model.requires_grad_(False).eval()
    return [{"epoch": 1, "rows": len(train.labels), "dev_rows": len(dev.labels), **found}]


def described(model: ClosedForm, batches: Iterable[FaceBatch], *, label: str) -> DescribedRows:
    """Descriptions of labeled crops, with what the captures say of themselves.

    Args:
        model: describes them.
        batches: crops, whose middle is the model's view.
        label: for the progress bar.

    Raises:
        BadInputError: there are none, or only of one class.
    """
    model.requires_grad_(False).eval()
    rows, labels = [], []
    about: dict[str, list[str]] = {"domain": [], "species": [], "subject": []}
    for batch in track(batches, label=label, unit="captures", size=len):
        rows.append(model.describe(_middle(batch, model.view_size)))
        labels.append(np.asarray(batch.label, np.int64))
        for name, held in about.items():
            held += getattr(batch, name) or ("",) * len(batch)
    known = np.concatenate(labels) if labels else np.zeros(0, np.int64)
    if len(set(known.tolist())) < 2:
        raise BadInputError(
            f"{label}: {known.size} captures, not of both classes", hint="a closed form needs both, in train and in dev"
        )
    return DescribedRows(
        np.concatenate(rows), known, domains=tuple(about["domain"]), species=tuple(about["species"]),
        subjects=tuple(about["subject"]),
    )  # fmt: skip


def _middle(batch: FaceBatch, size: int) -> FaceBatch:
    side = next(iter(batch.images.values())).shape[-1]
    if batch.box is not None or side <= size:
        return batch
    edge = (side - size) // 2
    inside = slice(edge, edge + size)
    return replace(batch, images={name: image[..., inside, inside] for name, image in batch.images.items()})
