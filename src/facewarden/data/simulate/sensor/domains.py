"""Four sensor domains: color camera, range sensor, near-infrared camera, places and attackers of four sites.

Every site has one modality that is unreliable in its own way, as real installations do: *alder*'s structured light
loses much of its depth, *birch* overexposes its near infrared, *cedar*'s color camera is dark, noisy and compressed,
and *dogwood*'s depth is coarse and out of register while sunlight floods its near infrared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from facewarden.core.errors import BadInputError


@dataclass(frozen=True)
class ColorSensor:
    """A color camera.

    Attributes:
        pixels: native width of the region that becomes the frame, in sensor pixels.
        blur: standard deviation of the point spread in sensor pixels.
        resolution: share of the frame's resolution that survives optics and video scaling.
        noise: read and shot noise in ordinary room light, as standard deviation at middle gray.
        cast: `(3,)` gain errors left by white balance.
        adapt: share of the light's color that white balance removes.
        saturation: factor on color.
        target: mean linear level that auto-exposure aims at.
        reach: half the most gain that auto-exposure has, relative to ordinary room light.
        sharpen: amount of unsharp masking.
        quality: range of JPEG quality.
    """

    pixels: int
    blur: float
    resolution: float
    noise: float
    cast: tuple[float, float, float]
    adapt: float
    saturation: float
    target: float
    reach: float
    sharpen: float
    quality: tuple[int, int]


@dataclass(frozen=True)
class RangeSensor:
    """A depth sensor.

    Attributes:
        principle: "structured" light, "tof", "active" stereo or "passive" stereo.
        noise: standard deviation in mm at 1 m on a white wall; grows with the square of the distance.
        floor: part of the deviation that does not grow, in mm.
        base: baseline times focal length in mm pixels of the sensor, which sets the steps of disparity.
        steps: disparity steps per sensor pixel (0 for time of flight).
        window: matching or binning window as a share of the frame's width.
        holes: share of random dropouts.
        shift: misregistration against color, as a share of the frame's width.
        near, far: range in mm.
    """

    principle: str
    noise: float
    floor: float
    base: float
    steps: float
    window: float
    holes: float
    shift: float
    near: float
    far: float


@dataclass(frozen=True)
class InfraredSensor:
    """A near-infrared camera with its own flash.

    Attributes:
        wavelength: 850 or 940 nm.
        exposure: level of skin at the nominal distance; above 1 it saturates.
        noise: standard deviation of read noise, as a share of full scale.
        sunlight: factor on the scene's own near infrared (the sun is weaker at 940 nm).
        spread: fall-off of the flash toward the corners, 0 none.
        blur: standard deviation in frame pixels at 224.
        leak: share of visible light that its filter lets through, relative to what a camera without any filter takes:
            0 a perfect filter, 0.02 to 0.1 cheap colored plastic, 1 none, as the imagers of some active stereo cameras.
    """

    wavelength: int
    exposure: float
    noise: float
    sunlight: float
    spread: float
    blur: float
    leak: float = 0.0


@dataclass(frozen=True)
class Domain:
    """A site: its sensors, where it is, whom it meets.

    Attributes:
        name: of the domain.
        about: one sentence.
        unreliable: the modality not to trust here.
        distance: range of the distance of bona fide faces in mm.
        illumination: weights of `facewarden.core.labels.ILLUMINATIONS`.
        outdoor: share of outdoor captures.
        species: weights of the attack species met here.
    """

    name: str
    about: str
    unreliable: str
    color: ColorSensor
    depth: RangeSensor
    infrared: InfraredSensor
    distance: tuple[float, float]
    illumination: Mapping[str, float]
    outdoor: float
    species: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


def _weights(**values: float) -> Mapping[str, float]:
    return MappingProxyType(values)


DOMAINS: Mapping[str, Domain] = MappingProxyType({
    "alder": Domain(
        "alder", "A kiosk in a lobby: good color, 850 nm flash, structured light with many holes.", "depth",
        ColorSensor(1280, 0.55, 0.9, 0.012, (1.02, 1.0, 0.97), 0.85, 1.05, 0.24, 8.0, 0.4, (84, 94)),
        RangeSensor("structured", 1.9, 0.4, 42000.0, 8.0, 0.022, 0.2, 0.0, 280.0, 3500.0),
        InfraredSensor(850, 0.5, 0.012, 1.0, 0.25, 0.7),
        (450.0, 750.0), _weights(normal=0.6, strong=0.15, back=0.2, dark=0.05), 0.1,
        _weights(print_flat=3.0, print_bent=2.0, print_cutout=2.0, replay_tablet=2.0, replay_pc=1.0, mask_rigid=1.0,
                 mask_silicone=1.0, partial_glasses=2.0),
    ),
    "birch": Domain(
        "birch", "A door terminal: wide color camera, time of flight, 940 nm flash that saturates near faces.",
        "infrared",
        ColorSensor(1920, 0.45, 1.0, 0.02, (0.97, 1.0, 1.05), 0.95, 0.95, 0.22, 12.0, 0.8, (75, 90)),
        RangeSensor("tof", 4.5, 0.8, 0.0, 0.0, 0.012, 0.015, 0.0, 200.0, 5000.0),
        InfraredSensor(940, 1.05, 0.02, 0.55, 0.45, 0.5),
        (380.0, 620.0), _weights(normal=0.45, strong=0.25, back=0.2, dark=0.1), 0.35,
        _weights(print_flat=2.0, print_bent=2.0, replay_phone=3.0, replay_tablet=2.0, print_cutout=1.0, mask_rigid=2.0,
                 mask_silicone=2.0, partial_glasses=1.0),
    ),
    "cedar": Domain(
        "cedar", "A laptop at home: dark, noisy, compressed color; active stereo; 850 nm flash.", "rgb",
        ColorSensor(640, 0.7, 0.55, 0.024, (1.1, 1.0, 0.86), 0.55, 0.85, 0.12, 8.0, 0.0, (38, 62)),
        RangeSensor("active", 2.6, 0.5, 30000.0, 6.0, 0.03, 0.04, 0.0, 250.0, 4000.0),
        InfraredSensor(850, 0.6, 0.018, 1.0, 0.35, 0.8),
        (420.0, 680.0), _weights(normal=0.4, strong=0.1, back=0.15, dark=0.35), 0.0,
        _weights(print_flat=3.0, print_bent=1.0, replay_phone=3.0, replay_tablet=2.0, replay_pc=2.0, print_cutout=1.0,
                 mask_rigid=1.0, mask_silicone=1.0, partial_glasses=1.0),
    ),
    "dogwood": Domain(
        "dogwood", "A street kiosk: good color, coarse stereo depth out of register, 850 nm in sunlight.", "depth",
        ColorSensor(1600, 0.5, 0.95, 0.016, (1.0, 1.0, 1.02), 0.9, 1.15, 0.26, 10.0, 0.6, (80, 92)),
        RangeSensor("passive", 7.0, 1.5, 24000.0, 2.0, 0.05, 0.07, 0.025, 300.0, 6000.0),
        InfraredSensor(850, 0.45, 0.015, 1.6, 0.2, 0.6),
        (500.0, 850.0), _weights(normal=0.3, strong=0.4, back=0.25, dark=0.05), 0.8,
        _weights(print_flat=2.0, print_bent=2.0, replay_phone=2.0, replay_tablet=2.0, replay_pc=1.0, print_cutout=2.0,
                 mask_rigid=2.0, mask_silicone=2.0, partial_glasses=2.0),
    ),
})  # fmt: skip
"""The four domains by name."""


def domain(name: str) -> Domain:
    """Look a domain up.

    Raises:
        BadInputError: if there is none of that name.
    """
    if name not in DOMAINS:
        raise BadInputError(f"no sensor domain is called {name!r}", hint=f"choose from {', '.join(DOMAINS)}")
    return DOMAINS[name]
