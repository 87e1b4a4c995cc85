"""The role of a detector that is fitted in closed form: it describes captures and solves for a classifier on that."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import Modality
from facewarden.nn.trainable import Trainable


@dataclass(frozen=True, eq=False)
class DescribedRows:
    """Captures as a closed form sees them.

    Attributes:
        description: (n, f), NaN where a number needs a sensor that is absent.
        labels: (n,) 1 = bona fide, 0 = attack.
        domains, species, subjects: (n,) of each capture; empty where the captures do not say.
    """

    description: NDArray[np.float32]
    labels: NDArray[np.int64]
    domains: tuple[str, ...] = ()
    species: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


class ClosedForm(Trainable):
    """A trainable detector that needs no gradient: a description of each capture, and one solution for a whole set."""

    @abstractmethod
    def describe(self, batch: FaceBatch) -> NDArray[np.float32]:
        """Description of crops.

        Args:
            batch: the detector's own views.

        Returns:
            (b, f), NaN where a number needs a sensor that is absent.
        """

    @abstractmethod
    def fit(self, train: DescribedRows, *, dev: DescribedRows) -> dict[str, Any]:
        """Solve for the classifier in place.

        Args:
            train: the rows to learn from.
            dev: rows of other people of the same sources, on which a strength or a threshold is chosen.

        Returns:
            What was chosen and how it does on dev, for the log.

        Raises:
            BadInputError: a class without rows.
        """

    @abstractmethod
    def decide(self, description: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores of descriptions, (n,), as `predict` gives them for the same captures."""

    @abstractmethod
    def without(self, description: NDArray[np.float32], absent: Sequence[Modality]) -> NDArray[np.float32]:
        """Descriptions of the same captures without some sensors: NaN in every number that needs one of them.

        Args:
            description: (n, f).
            absent: the sensors.
        """
