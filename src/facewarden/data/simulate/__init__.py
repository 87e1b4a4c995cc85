"""The capture simulator: faces, light, presentation attack instruments and sensors, with exact ground truth."""

from facewarden.data.simulate.capture import Capture, CaptureSpec, make_capture
from facewarden.data.simulate.run import SimulatedSet, iter_captures, simulate
from facewarden.data.simulate.specification import Simulation, SimulationSettings

__all__ = [
    "Capture",
    "CaptureSpec",
    "SimulatedSet",
    "Simulation",
    "SimulationSettings",
    "iter_captures",
    "make_capture",
    "simulate",
]
