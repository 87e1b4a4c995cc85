"""Margin-loss MobileFaceNet of npm faceplugin, 512 values: the weights of recognizer mobilefacenet_512."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="faceplugin_recognizer",
    registry="npm",
    package="faceplugin",
    version="1.0.3",
    archive="faceplugin-1.0.3.tgz",
    archive_sha256="4e9994780a24675759ed9438866e85661267ad783b3208d646d11d229004980d",
    archive_size=41115152,
    files={
        "fr_feature.onnx": ArchivePart(
            path="package/model/fr_feature.onnx",
            sha256="87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581",
            size=4884269,
        ),
        "LICENSE": ArchivePart(
            path="package/LICENSE",
            sha256="2f61b7e17c8310092474a2444637329354b0631b3fcf5f30f23ee58b75e7b990",
            size=1087,
        ),
    },
    licence="MIT (file inside, for the package)",
    origin="published by the Faceplugin company; who trained the weights and on which faces is not stated",
    use="face recognition: evaluation or surrogate",
)
