"""MobileNetV1 with 1024 face features of npm @vladmandic/human: the weights of recognizer faceres."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="human_faceres",
    registry="npm",
    package="@vladmandic/human",
    version="3.3.6",
    archive="vladmandic-human-3.3.6.tgz",
    archive_sha256="425e9c51dbbca0c8934362b170cb0d54c2529c11c654b3c03092b16e9d6ad3f7",
    archive_size=28615417,
    files={
        "faceres.bin": ArchivePart(
            path="package/models/faceres.bin",
            sha256="2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b",
            size=6978814,
        ),
        "faceres.json": ArchivePart(
            path="package/models/faceres.json",
            sha256="5b83d49c0385d2e68a05122441b94226313677cae9fcc40b9587ad50079eb4df",
            size=71432,
        ),
        "LICENSE": ArchivePart(
            path="package/LICENSE",
            sha256="9a3442b79acaf4fbc7c2e07b7e2d8f84af9bb3871bf08a69d80304ab00640e9a",
            size=1067,
        ),
    },
    licence="MIT (file inside, for the package)",
    origin="derived from the HSE FaceRec project (A. Savchenko); the package does not state the training faces",
    use="face recognition: weaker black-box target; a face-pretrained backbone",
)
