"""Liveness network of npm faceplugin (MiniFASNet with squeeze-and-excitation): the weights of detector fr_liveness."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="faceplugin_liveness",
    registry="npm",
    package="faceplugin",
    version="1.0.3",
    archive="faceplugin-1.0.3.tgz",
    archive_sha256="4e9994780a24675759ed9438866e85661267ad783b3208d646d11d229004980d",
    archive_size=41115152,
    files={
        "fr_liveness.onnx": ArchivePart(
            path="package/model/fr_liveness.onnx",
            sha256="afa783b7e902fdfcf323a7240cac2a1c580c25314ea4161129dc1b0d100dc32d",
            size=1886811,
        ),
        "LICENSE": ArchivePart(
            path="package/LICENSE",
            sha256="2f61b7e17c8310092474a2444637329354b0631b3fcf5f30f23ee58b75e7b990",
            size=1087,
        ),
    },
    licence="MIT (file inside, for the package)",
    origin="published by the Faceplugin company; who trained the weights and on which captures is not stated; "
    "it is none of the released 80x80 MiniFASNet files",
    use="presentation attack detection in RGB (feed BGR, box x2.7)",
)
