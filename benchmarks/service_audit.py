"""A detector by itself, from its exported folder and through the service: the same decisions, rates and attacks.

Run: python benchmarks/service.py, or by itself python benchmarks/service_audit.py --out docs/results/service/audit.json

Scores, decisions and rates are compared capture by capture; perturbations by the same score-based attack with the same
seed on all sides, since a service gives no gradients. Captures are *simulated*.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from figures_json import write

import facewarden
from facewarden.core.decision import DecisionRule
from facewarden.core.resolve import resolve_detector
from facewarden.data.manifest import Manifest
from facewarden.evaluation.scores import score_manifest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from served import served, settings_in

QUERIES = 100


def rates(scores: np.ndarray, labels: np.ndarray, threshold: float) -> dict[str, float]:
    """APCER over all attacks and BPCER at a threshold."""
    accepted = scores >= threshold
    return {
        "apcer": round(float(accepted[labels == 0].mean()), 4),
        "bpcer": round(float((~accepted[labels == 1]).mean()), 4),
    }


def main() -> None:
    """Export, serve, compare and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=24)
    parser.add_argument("--attacked", type=int, default=24)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        facewarden.simulate(folder / "captures", subjects=asked.subjects, captures_per_subject=8, seed=11)
        facewarden.export("multi_cnn", "onnx", out=folder / "exported")
        captures = folder / "captures" / "manifest.csv"
        with served(settings_in(folder / "service", detectors=(str(folder / "exported"),))) as made:
            about = {"url": f"{made.url}/v1/score?faces=given", "modalities": ["rgb", "depth", "infrared"]}
            (folder / "remote.json").write_text(json.dumps(about), encoding="utf-8")
            sides = {
                "the detector itself": "multi_cnn",
                "its exported folder": str(folder / "exported"),
                "the folder, served": f"http_detector:{folder / 'remote.json'}",
            }
            found = compared(sides, captures, asked.attacked)
    write(asked.out, found)
    print(json.dumps(found, indent=2))


def compared(sides: dict[str, str], captures: Path, attacked: int) -> dict[str, Any]:
    """Scores, decisions, rates and attacks of every side, beside those of the first one."""
    manifest = Manifest.read(captures)
    models = {side: resolve_detector(spec) for side, spec in sides.items()}
    scored = {side: score_manifest(model, manifest) for side, model in models.items()}
    first = next(iter(sides))
    rule = getattr(models[first], "rule", None)
    assert isinstance(rule, DecisionRule)
    rows = []
    for side, found in scored.items():
        assert found.key.tolist() == scored[first].key.tolist()
        attack = facewarden.attack(
            captures, detector=models[side], method="square", set=f"queries={QUERIES}", eps=8, samples=attacked, seed=3
        )
        decisions = [one.score >= rule.threshold for one in (found, scored[first])]
        rows.append(
            {
                "side": side,
                "largest_difference": float(np.abs(found.score - scored[first].score).max()),
                "equal_decisions": int((decisions[0] == decisions[1]).sum()),
                **rates(found.score, found.label, rule.threshold),
                "flipped": asdict(attack.rates["pooled"]),
            }
        )
    return {"captures": len(manifest), "simulated": True, "queries": QUERIES, "sides": rows}


if __name__ == "__main__":
    main()
