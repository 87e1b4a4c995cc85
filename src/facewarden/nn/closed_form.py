"""The role of a detector that is fitted in closed form: it describes captures and solves for a classifier on that."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from facewarden.core.batch import FaceBatch
from facewarden.nn.trainable import Trainable


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
    def fit(
        self,
        description: NDArray[np.float32],
        labels: NDArray[np.int64],
        *,
        dev: NDArray[np.float32],
        dev_labels: NDArray[np.int64],
    ) -> dict[str, float]:
        """Solve for the classifier in place.

        Args:
            description, labels: of the training rows, 1 = bona fide, 0 = attack.
            dev, dev_labels: rows of other people of the same sources, on which its strength is chosen.

        Returns:
            What was chosen and how it does on dev, for the log.

        Raises:
            BadInputError: a class without rows.
        """

    @abstractmethod
    def decide(self, description: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores of descriptions, (n,), as `predict` gives them for the same captures."""
