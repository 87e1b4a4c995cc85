"""What the type checks of a test run would catch first; users run without them, so the contracts must catch it."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import torch
from facewarden.core.attack import Attack
from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError, FacewardenError
from facewarden.core.roles import Detector, PadOutput, Purifier, Recognizer
from facewarden.core.threat import ThreatModel
from facewarden.core.decision_goal import Evade

rgb = torch.rand(1, 3, 4, 4)

class Silent(Detector):
    def predict(self, batch):
        return batch.images["rgb"].mean(dim=(1, 2, 3))

class Lists(Recognizer):
    dim = 3
    def features(self, images):
        return [[1.0, 2.0, 3.0]]

class Honest(Detector):
    def predict(self, batch):
        return PadOutput(batch.images["rgb"].mean(dim=(1, 2, 3)))

class Chatty(Purifier):
    def purify(self, images):
        return "done"

class Nothing(Attack):
    def perturb(self, objective):
        return None

batch = FaceBatch({"rgb": rgb}, ("a",), label=torch.tensor([1]))
cases = {
    "unknown modality": lambda: FaceBatch({"thermal": torch.rand(1, 1, 4, 4)}, ("a",)),
    "unknown norm": lambda: ThreatModel(norm="l3"),
    "not among": lambda: ThreatModel(modalities=("sonar",)),
    "must give a PadOutput": lambda: Silent()(batch),
    "must give finite": lambda: Lists()(torch.rand(1, 3, 112, 112)),
    "into str": lambda: Chatty()(rgb),
    "must return": lambda: Nothing()(Evade(Honest(), batch, threshold=0.0), ThreatModel()),
    "unknown loss": lambda: Evade(Honest(), batch, threshold=0.0, loss="hinge"),
}
for words, case in cases.items():
    try:
        case()
    except FacewardenError as error:
        assert words in str(error), (words, str(error))
    else:
        raise AssertionError(f"no error: {words}")
print("all refused")
"""


def test_contracts_hold_without_the_type_checks_of_the_test_run() -> None:
    process = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert process.stdout.strip() == "all refused", process.stderr
