"""One capture from end to end: a face, a species, a light and a site become registered color, depth and infrared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.labels import ATTACK, BONA_FIDE, QUALITIES, SPECIES_BY_VERSION, SUBTYPES
from facewarden.core.seeding import derive
from facewarden.data.simulate.person.infrared import in_band
from facewarden.data.simulate.person.maps import FaceMaps
from facewarden.data.simulate.scene.light import LUMA, sample_light
from facewarden.data.simulate.scene.returns import as_ranged
from facewarden.data.simulate.scene.shading import shade
from facewarden.data.simulate.scene.surroundings import background
from facewarden.data.simulate.scene.view import F32, PinholeView
from facewarden.data.simulate.sensor.automatics import Automatics, infrared_crop
from facewarden.data.simulate.sensor.camera import color_image, infrared_image
from facewarden.data.simulate.sensor.chain import FOCUS, GRAIN, MOTION, Chain, averaged, driven
from facewarden.data.simulate.sensor.depth_pictures import DEPTH_PICTURES, depth_picture
from facewarden.data.simulate.sensor.domains import ColorSensor, Domain, RangeSensor
from facewarden.data.simulate.sensor.ranging import measure
from facewarden.data.simulate.sensor.site import Site
from facewarden.data.simulate.sensor.sites import site_named
from facewarden.data.simulate.species import FLAT, SpeciesStage, builder
from facewarden.data.simulate.species.parts.stage import Photo, StagedPresentation, face_width


@dataclass(frozen=True)
class CaptureSpec:
    """What to capture.

    Attributes:
        key: name of the capture; also the address of its random draws.
        subject: the identity that is presented (for attacks, the victim).
        species: one of `facewarden.core.labels.SPECIES_BY_VERSION[version]`.
        domain: a site, see `facewarden.data.simulate.sensor.sites.site_named`.
        illumination, environment: the light.
        session: captures of one subject in one session share the background.
        split: "train", "dev" or "test".
        seed: seed of the whole set.
        size: width and height of the frame in pixels.
        framing: width of the face box as a share of the frame's width.
        version: of the simulator, 1, 2 or 3: the same species of another version is another instrument.
        subtype: of a bona fide presentation, one of `facewarden.core.labels.SUBTYPES`; version 1 knows "plain" alone.
        quality: how well an instrument was made, "low", "medium" or "high"; version 1 knows "medium" alone, and a bona
            fide presentation has none.

    Raises:
        BadInputError: a species, subtype or quality that the version does not render.
    """

    key: str
    subject: str
    species: str
    domain: str
    illumination: str = "normal"
    environment: str = "indoor"
    session: str = "1"
    split: str = "train"
    seed: int = 0
    size: int = 224
    framing: float = 0.4
    version: int = 1
    subtype: str = "plain"
    quality: str = "medium"

    def __post_init__(self) -> None:
        """Refuse what the version does not render, instead of rendering something else."""
        known = SPECIES_BY_VERSION.get(self.version)
        if known is None:
            raise BadInputError(
                f"there is no version {self.version} of the simulator",
                hint=f"one of {', '.join(map(str, SPECIES_BY_VERSION))}",
            )
        first = self.version == 1
        for name, value, words in (
            ("species", self.species, known),
            ("subtype", self.subtype, ("plain",) if first or self.species != "bona_fide" else SUBTYPES),
            ("quality", self.quality, ("medium",) if first or self.species == "bona_fide" else QUALITIES),
        ):
            if value not in words:
                raise BadInputError(
                    f"version {self.version} of the simulator renders no {name} {value!r} of {self.species}",
                    hint=f"one of {', '.join(words)}",
                )


@dataclass(frozen=True)
class Capture:
    """A capture with its exact ground truth; every map shares one pixel grid.

    Attributes:
        spec: what was asked for.
        rgb: `(h, w, 3)` uint8.
        depth: `(h, w)` uint16 mm, 0 is a hole.
        infrared: `(h, w)` uint8.
        true_depth: `(h, w)` float32 mm before the sensor.
        reflection: `(h, w)` float32 in [0, 1], the mirror-like light (highlights, glare, reflected windows), exposed.
        box: `(4,)` float32 pixels x0 y0 x1 y1 of the presented face.
        landmarks: `(5, 2)` float32 pixels, as in `FaceMaps`.
        label: 1 bona fide, 0 attack presentation.
        attributes: of the face and the instrument.
        depth_picture: `(h, w)` uint8, depth as the site delivers it, from version 2 on.
    """

    spec: CaptureSpec
    rgb: NDArray[np.uint8]
    depth: NDArray[np.uint16]
    infrared: NDArray[np.uint8]
    true_depth: F32
    reflection: F32
    box: F32
    landmarks: F32
    label: int
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=lambda: MappingProxyType({}))
    depth_picture: NDArray[np.uint8] | None = None


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """The random numbers that belong to a named thing."""
    return np.random.default_rng(derive(seed, *names))


@dataclass(frozen=True)
class Scene:
    """What stands before a site's cameras, and those cameras as they are for one capture.

    Attributes:
        site: sensors and surroundings.
        stage: what the instrument was built on.
        shown: the presentation.
        radiance, mirrored: `(h, w, 3)` linear light toward the camera, all of it and its mirror-like part.
        color, ranged: the color and the range sensor.
        automatics, chain: of the site, None in version 1.
    """

    site: Domain
    stage: SpeciesStage
    shown: StagedPresentation
    radiance: F32
    mirrored: F32
    color: ColorSensor
    ranged: RangeSensor
    automatics: Automatics | None
    chain: Chain | None

    def color_picture(
        self, noise: np.random.Generator, radiance: F32, *, box: F32 | None = None
    ) -> tuple[NDArray[np.uint8], float]:
        """What the color camera makes of linear light, and the gain of its exposure.

        Args:
            noise: of the sensor.
            radiance: `(h, w, 3)`.
            box: `(4,)` pixels of the face, by default that of the presentation.
        """
        return color_image(
            noise, radiance, sensor=self.color, light=self.stage.light, box=self.shown.box if box is None else box,
            automatics=self.automatics, chain=None if self.chain is None else self.chain.color,
        )  # fmt: skip


def make_scene(
    spec: CaptureSpec,
    victim: FaceMaps,
    *,
    wearer: FaceMaps | None = None,
    site: Domain | None = None,
    photo: Photo | None = None,
) -> Scene:
    """Build what a capture is taken of; arguments as of `make_capture`.

    Args:
        spec, victim, wearer, site: as there.
        photo: what a sheet or a panel shows, instead of a picture of the victim: of a species of `FLAT`, version 2.

    Raises:
        BadInputError: a photo for another species or version, which would not show it as it is.
    """
    if photo is not None and (spec.species not in FLAT or spec.version != 2):
        raise BadInputError(
            f"version {spec.version} of the simulator shows no whole photo as {spec.species!r}",
            hint=f"version 2 and one of {', '.join(FLAT)}",
        )
    site = site_named(spec.domain, version=spec.version) if site is None else site
    automatics, chain, color, ranged = None, None, site.color, site.depth
    if isinstance(site, Site):
        unrest = generator(spec.seed, "focus", spec.key)
        still = site.habits is None or site.habits.people_move != (spec.species == "bona_fide")
        if site.habits is not None:
            ranged = averaged(ranged, still=still)
        automatics, chain = site.automatics, site.chain.taken(unrest, blur=0.0 if still else MOTION)
        grain = float(np.exp(GRAIN * unrest.standard_normal()))
        color = replace(color, blur=color.blur * float(unrest.uniform(*FOCUS)), noise=color.noise * grain)
    if spec.version > 1:
        victim = in_band(victim, wavelength=site.infrared.wavelength)
        wearer = wearer and in_band(wearer, wavelength=site.infrared.wavelength)
    rng = generator(spec.seed, "capture", spec.key)
    light = sample_light(rng, spec.illumination, environment=spec.environment)
    distance = float(rng.uniform(*site.distance))
    pixels = spec.framing * spec.size * float(rng.uniform(0.88, 1.1))
    view = PinholeView(spec.size, pixels * distance / face_width(victim))
    middle = (spec.size - 1) / 2
    center = (
        middle + spec.size * float(rng.uniform(-0.06, 0.06)),
        middle + spec.size * float(rng.uniform(-0.05, 0.07)),
    )
    place = generator(spec.seed, "place", spec.domain, spec.subject, spec.session, spec.environment)
    # Sets are made with one or two printers, screens and masks' makers: those of a site have the site's own.
    workshop, habits = None, None
    if spec.version > 1:
        those = () if spec.version == 2 else (spec.version,)
        workshop = generator(0, "workshop", *those, spec.domain, spec.species)
    if isinstance(site, Site) and site.habits is not None:
        habits = site.habits.of(generator(0, "habits", spec.version, spec.domain, spec.species))
    stage = SpeciesStage(
        rng, view, distance, pixels, center, victim, wearer or victim, background(place, spec.size, light=light),
        light, color.pixels / spec.size, color.blur, site.infrared.wavelength, spec.quality, spec.subtype,
        workshop, habits, photo,
    )  # fmt: skip
    shown = builder(spec.species, version=spec.version)(stage)
    toward = view.toward()
    density = view.pixels_per_mm(shown.distance)
    radiance, mirrored = shade(shown.surface, light, toward=toward, pixels_per_mm=density, distance=shown.distance)
    return Scene(site, stage, shown, radiance, mirrored, color, ranged, automatics, chain)


def make_capture(
    spec: CaptureSpec, victim: FaceMaps, *, wearer: FaceMaps | None = None, site: Domain | None = None
) -> Capture:
    """Render one capture.

    Args:
        spec: what to capture.
        victim: the presented identity.
        wearer: the attacker who holds or wears the instrument; without one it is the victim.
        site: sensors and surroundings of your own, instead of those of the spec's domain.

    Returns:
        The capture; the same spec and faces give the same bits.
    """
    scene = make_scene(spec, victim, wearer=wearer, site=site)
    site, shown, light, chain = scene.site, scene.shown, scene.stage.light, scene.chain
    toward = scene.stage.view.toward()
    # Draws of the sensors have their own address: the scene, and so the ground truth, does not depend on them.
    noise = generator(spec.seed, "sensor", spec.key)
    rgb, gain = scene.color_picture(noise, scene.radiance)
    depth = measure(
        noise, as_ranged(shown.surface, principle=site.depth.principle), sensor=scene.ranged, light=light, toward=toward
    )
    infrared = infrared_image(
        noise, shown.surface, sensor=site.infrared, light=light, toward=toward, nominal=sum(site.distance) / 2,
        visible=scene.radiance, automatics=scene.automatics, box=shown.box,
        chain=None if chain is None else chain.infrared,
    )  # fmt: skip
    picture = None
    if isinstance(site, Site):
        depth = driven(depth, site.chain.depth)
        infrared = infrared_crop(infrared, zoom=site.infrared_zoom, shift=site.infrared_shift)
        picture = depth_picture(depth, DEPTH_PICTURES[site.depth_picture], box=shown.box, span=site.span)
    reflection = np.clip((scene.mirrored @ LUMA) * np.float32(gain), 0, 1)
    attributes = dict((victim if spec.species == "bona_fide" else (wearer or victim)).attributes) | dict(
        shown.attributes
    )
    if isinstance(site, Site):
        attributes |= {"depth_picture": site.depth_picture}
    if spec.version > 1:
        attributes |= {"subtype": spec.subtype} if spec.species == "bona_fide" else {"quality": spec.quality}
    return Capture(
        spec, rgb, depth, infrared, shown.surface.depth, reflection, shown.box, shown.landmarks,
        BONA_FIDE if spec.species == "bona_fide" else ATTACK, MappingProxyType(attributes),
        picture,
    )  # fmt: skip
