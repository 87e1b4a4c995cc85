"""The capture simulator: faces, light, presentation attack instruments and sensors, with exact ground truth."""

from facewarden.data.simulate.capture import Capture, CaptureSpec, make_capture
from facewarden.data.simulate.run import SimulatedSet, iter_captures, simulate

__all__ = ["Capture", "CaptureSpec", "SimulatedSet", "iter_captures", "make_capture", "simulate"]
