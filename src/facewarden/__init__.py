"""facewarden: measure how face images deceive a recognition system, by presentation, perturbation and poisoning.

Every verb of the command line is a function here: `facewarden.audit(preset="quick")` is `facewarden audit --preset
quick`. Importing the package imports nothing heavy; a function is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewarden.core.identity.version import __version__

if TYPE_CHECKING:  # what editors and type checkers see; `_HOME` says the same to Python
    from facewarden.assets import fetch
    from facewarden.verbs.attack import attack
    from facewarden.verbs.audit import audit
    from facewarden.verbs.bench import bench
    from facewarden.verbs.card import card
    from facewarden.verbs.certify import certify
    from facewarden.verbs.cloak import cloak
    from facewarden.verbs.deployment.export import export
    from facewarden.verbs.distill import distill
    from facewarden.verbs.doctor import doctor
    from facewarden.verbs.evaluate import evaluate
    from facewarden.verbs.explain import explain
    from facewarden.verbs.freeze import freeze
    from facewarden.verbs.laboratory.compare import compare
    from facewarden.verbs.laboratory.comparisons import evaluate_comparisons
    from facewarden.verbs.laboratory.plan_test import plan_test
    from facewarden.verbs.laboratory.report import report
    from facewarden.verbs.laboratory.scores import evaluate_scores
    from facewarden.verbs.models import load_detector, load_purifier, load_recognizer
    from facewarden.verbs.monitoring.monitor import monitor
    from facewarden.verbs.own.calibrate import calibrate
    from facewarden.verbs.own.data import data_boxes, data_from_folders, data_split, data_template
    from facewarden.verbs.own.identification import evaluate_identification
    from facewarden.verbs.purify import purify
    from facewarden.verbs.scaling.launch import launch
    from facewarden.verbs.scaling.merge import merge
    from facewarden.verbs.score import score
    from facewarden.verbs.sfa import sfa
    from facewarden.verbs.simulate import simulate
    from facewarden.verbs.train import train
    from facewarden.verbs.training_data.pairs import pairs as cloak_pairs
    from facewarden.verbs.unseal import unseal

__all__ = [
    "__version__",
    "attack",
    "audit",
    "bench",
    "calibrate",
    "card",
    "certify",
    "cloak",
    "cloak_pairs",
    "compare",
    "data_boxes",
    "data_from_folders",
    "data_split",
    "data_template",
    "distill",
    "doctor",
    "evaluate",
    "evaluate_comparisons",
    "evaluate_identification",
    "evaluate_scores",
    "explain",
    "export",
    "fetch",
    "freeze",
    "launch",
    "load_detector",
    "load_purifier",
    "load_recognizer",
    "merge",
    "monitor",
    "plan_test",
    "purify",
    "report",
    "score",
    "sfa",
    "simulate",
    "train",
    "unseal",
]

if not TYPE_CHECKING:  # a type checker that sees `__getattr__` takes every name for one of the package
    _HOME = {name: f"facewarden.verbs.{name}:{name}" for name in __all__ if name != "__version__"} | {
        "evaluate_identification": "facewarden.verbs.own.identification:evaluate_identification",
        "calibrate": "facewarden.verbs.own.calibrate:calibrate",
        "cloak_pairs": "facewarden.verbs.training_data.pairs:pairs",
        "export": "facewarden.verbs.deployment.export:export",
        **{
            f"data_{name}": f"facewarden.verbs.own.data:data_{name}"
            for name in ("boxes", "from_folders", "split", "template")
        },
        "compare": "facewarden.verbs.laboratory.compare:compare",
        "plan_test": "facewarden.verbs.laboratory.plan_test:plan_test",
        "report": "facewarden.verbs.laboratory.report:report",
        "evaluate_comparisons": "facewarden.verbs.laboratory.comparisons:evaluate_comparisons",
        "evaluate_scores": "facewarden.verbs.laboratory.scores:evaluate_scores",
        "fetch": "facewarden.assets:fetch",
        "launch": "facewarden.verbs.scaling.launch:launch",
        "monitor": "facewarden.verbs.monitoring.monitor:monitor",
        "merge": "facewarden.verbs.scaling.merge:merge",
        "load_detector": "facewarden.verbs.models:load_detector",
        "load_purifier": "facewarden.verbs.models:load_purifier",
        "load_recognizer": "facewarden.verbs.models:load_recognizer",
    }

    def __getattr__(name):
        if name not in _HOME:
            raise AttributeError(f"module 'facewarden' has no attribute {name!r}")
        from importlib import import_module

        module, _, function = _HOME[name].partition(":")
        found = getattr(import_module(module), function)
        globals()[name] = found
        return found

    def __dir__():
        return sorted({*globals(), *__all__})
