"""The costly parts of the cloaking experiment, each computed once: cloaks, purified faces, embeddings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.compute.device import device_of
from facewarden.core.progress import track
from facewarden.core.resolve import resolve_purifier
from facewarden.core.roles import Purifier, Recognizer
from facewarden.experiments.cloaking.array_store import Store, pixels_key
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe, identity_of
from facewarden.experiments.cloaking.population import Population, Split
from facewarden.experiments.cloaking.recognizer_build import build_recognizer
from facewarden.photos.aligned import embed_all, purify, to_crops, to_images

Vectors = NDArray[np.float32]
Rows = Mapping[str, Sequence[int]]
Reader = Callable[[Tensor], NDArray[Any]]
_CHUNK = 160
_EMPTY = "identity"
NO_ROWS: Rows = MappingProxyType({})


class ExperimentCache:
    """A population with everything that was computed for it.

    Args:
        crowd: the faces.
        folder: where cloaks and embeddings are kept, by what made them.
        recognizer, purifier: build one from what a person types; each is built once.
        batch: faces that go through a recognizer together.
    """

    def __init__(
        self,
        crowd: Population,
        folder: Path,
        *,
        recognizer: Callable[[str], Recognizer] | None = None,
        purifier: Callable[[str], Purifier] = resolve_purifier,
        batch: int = 32,
    ) -> None:
        self._batch = batch
        self.crowd, self.store = crowd, Store(folder)
        self.recognizer = cache(partial(build_recognizer, store=self.store) if recognizer is None else recognizer)
        self.purifier = cache(purifier)
        self._natural_read: dict[str, NDArray[Any]] = {}
        self._natural_treated: dict[str, NDArray[np.uint8]] = {}

    def cloaked(
        self, recipe: CloakRecipe, person: str, *, rows: Sequence[int] = (), made_of: Sequence[int] = ()
    ) -> NDArray[np.uint8]:
        """Photos of a person, all of them or some rows, cloaked and then as published; `(n, 112, 112, 3)`.

        Args:
            recipe: the cloak.
            person: whose photos.
            rows: which ones.
            made_of: the photos that make the mask of a cloak that has one for a person; the rows by default.
        """
        wanted = list(rows) or self.crowd.people[person]
        first = list(made_of) if recipe.one_mask else []
        rows = [*first, *(row for row in wanted if row not in first)] if first else wanted
        faces = self.crowd.faces
        clean, keys = faces.crops[rows], [faces.key[row] for row in rows]
        about = {
            **recipe.recipe(recognizer=self.recognizer, purifier=self.purifier),
            "pixels": pixels_key(clean),
            "keys": keys,
        }
        if recipe.one_mask:  # whether photos that did not make a mask are known to it changed with this
            about["made of"] = len(first) or len(rows)

        def make() -> dict[str, NDArray[np.uint8]]:
            made = recipe.cloak(
                clean, keys, recognizer=self.recognizer, purifier=self.purifier, made_of=len(first) or None
            )
            return {"crops": made}

        crops: NDArray[np.uint8] = self.store.get("cloaks", about, make)["crops"]
        crops = crops[[rows.index(row) for row in wanted]]
        for name in recipe.after:
            crops = to_crops(purify(self.purifier(name), to_images(crops)))
        return crops

    def treated(
        self,
        *,
        purifier: str = _EMPTY,
        cloak: CloakRecipe | None = None,
        people: Sequence[str] = (),
        made_of: Rows = NO_ROWS,
    ) -> NDArray[np.uint8]:
        """Crops after a purifier, of the whole population, with some people's photos cloaked; `(n, 112, 112, 3)`."""
        treat = self.purifier(purifier)
        label, count = f"{cloak.name if cloak else 'natural faces'} after {purifier}", len(self.crowd.faces.crops)
        if cloak is None:
            if purifier not in self._natural_treated:
                strips = track(self._natural(), label=label, total=count, unit="faces", size=len)
                parts = [to_crops(purify(treat, to_images(crops))) for crops in strips]
                self._natural_treated[purifier] = np.concatenate(parts)
            return self._natural_treated[purifier]
        all_crops = self.treated(purifier=purifier).copy()
        for who in track(people, label=label, unit="people"):
            crops = self.cloaked(cloak, who, made_of=made_of.get(who, ()))
            all_crops[self.crowd.people[who]] = to_crops(purify(treat, to_images(crops)))
        return all_crops

    def vectors(
        self,
        recognizers: Sequence[str],
        *,
        purifier: str = _EMPTY,
        cloak: CloakRecipe | None = None,
        people: Rows | Sequence[str] = (),
        made_of: Rows = NO_ROWS,
    ) -> dict[str, Vectors]:
        """Embeddings after a purifier, of the whole population or of some people's cloaked photos.

        Args:
            recognizers: by whom.
            purifier: what every photo goes through first.
            cloak: None embeds every natural face.
            people: with a cloak, whose photos: all of a person's, or with a mapping some rows.
            made_of: person -> rows that make the mask of a cloak that has one for a person; all of them by default.

        Returns:
            Recognizer -> `(n, d)` unit vectors; n is the whole population, with people who do not cloak as they are.
        """
        return self._read(
            "vectors", recognizers, self._embedder, purifier=purifier, cloak=cloak, people=people, made_of=made_of
        )

    def cloak_ahead(
        self,
        cloak: CloakRecipe,
        people: Sequence[str],
        *,
        purifiers: Sequence[str],
        recognizers: Sequence[str],
        splits: Sequence[Split],
    ) -> None:
        """Cloak and embed people's photos for the store alone, so that `vectors` finds them there.

        Args:
            cloak: the cloak.
            people: whose photos.
            purifiers, recognizers: after which and by whom they are embedded.
            splits: whose galleries make the mask of a cloak that has one for a person.
        """
        for who in track(people, label=f"{cloak.name} of people", unit="people"):
            makers = [split.gallery[who] for split in splits] if cloak.one_mask else [()]
            strips = [self.cloaked(cloak, who, made_of=rows) for rows in makers]
            for purifier in purifiers:
                for _ in self._chunks("vectors", recognizers, self._embedder, self.purifier(purifier), strips):
                    pass

    def _embedder(self, name: str) -> Reader:
        model = self.recognizer(name)
        return lambda images: embed_all(model, images, batch=self._batch)

    def halves(
        self,
        recognizer: str,
        *,
        purifier: str = _EMPTY,
        cloak: CloakRecipe | None = None,
        people: Rows | Sequence[str] = (),
        made_of: Rows = NO_ROWS,
    ) -> NDArray[np.float16]:
        """Features of the lower, fixed half of an evaluation recognizer, for trackers that train the upper half."""
        model = self.recognizer(recognizer)
        cut = model.halves()
        assert cut is not None  # asked for by `offers_halves` only
        below, device = cut[0], device_of(model)

        def reader(_: str) -> Reader:
            def read(images: Tensor) -> NDArray[np.float16]:
                with torch.inference_mode():
                    parts = [below(part.to(device)).cpu() for part in torch.split(images, 32)]
                    return np.asarray(torch.cat(parts).half().numpy())

            return read

        found = self._read(
            "halves", [recognizer], reader, purifier=purifier, cloak=cloak, people=people, made_of=made_of
        )
        return found[recognizer]

    def _read(
        self,
        kind: str,
        recognizers: Sequence[str],
        reader: Callable[[str], Reader],
        *,
        purifier: str,
        cloak: CloakRecipe | None,
        people: Rows | Sequence[str],
        made_of: Rows = NO_ROWS,
    ) -> dict[str, NDArray[Any]]:
        treat = self.purifier(purifier)
        label = f"{cloak.name if cloak else 'natural faces'} after {purifier}"
        if cloak is None:
            cache_keys = {name: f"{kind} {purifier} {name}" for name in recognizers}
            new = [name for name in recognizers if cache_keys[name] not in self._natural_read]
            if new:
                count = len(self.crowd.faces.crops)
                strips = track(self._natural(), label=label, total=count, unit="faces", size=len)
                parts = list(self._chunks(kind, new, reader, treat, strips))
                self._natural_read |= {cache_keys[name]: np.concatenate([part[name] for part in parts]) for name in new}
            return {name: self._natural_read[cache_keys[name]] for name in recognizers}
        embeddings = {name: array.copy() for name, array in self._base(kind, recognizers, reader, purifier).items()}
        whole = self.crowd.people
        for who in track(people, label=label, unit="people"):
            rows = list(people[who]) if isinstance(people, Mapping) else whole[who]
            crops = self.cloaked(cloak, who, rows=rows, made_of=made_of.get(who, ()))
            part = next(self._chunks(kind, recognizers, reader, treat, [crops]))
            for name in recognizers:
                embeddings[name][rows] = part[name]
        return embeddings

    def _base(
        self, kind: str, recognizers: Sequence[str], reader: Callable[[str], Reader], purifier: str
    ) -> dict[str, NDArray[Any]]:
        return self._read(kind, recognizers, reader, purifier=purifier, cloak=None, people=())

    def _natural(self) -> Iterator[NDArray[np.uint8]]:
        crops = self.crowd.faces.crops
        for start in range(0, len(crops), _CHUNK):
            yield crops[start : start + _CHUNK]

    def _chunks(
        self,
        kind: str,
        recognizers: Sequence[str],
        reader: Callable[[str], Reader],
        treat: Purifier,
        chunks: Iterator[NDArray[np.uint8]] | Sequence[NDArray[np.uint8]],
    ) -> Iterator[dict[str, NDArray[Any]]]:
        """Embed chunks of faces by every evaluation recognizer; a chunk is purified once for all of them."""
        for crops in chunks:
            about = {name: self._about(crops, treat, name) for name in recognizers}
            missing = [name for name in recognizers if not self.store.has(kind, about[name])]
            images = purify(treat, to_images(crops)) if missing else None
            yield {name: self._one(kind, about[name], reader(name), images) for name in recognizers}

    def _one(self, kind: str, about: Mapping[str, Any], read: Reader, images: Tensor | None) -> NDArray[Any]:
        def make() -> dict[str, NDArray[Any]]:
            assert images is not None
            return {"values": read(images)}

        return self.store.get(kind, about, make)["values"]

    def _about(self, crops: NDArray[np.uint8], treat: Purifier, recognizer: str) -> dict[str, Any]:
        return {
            "pixels": pixels_key(crops),
            "purifier": identity_of(treat),
            "judge": self.recognizer(recognizer).card.identity(),  # the word of 0.1: what was kept stays found
        }
