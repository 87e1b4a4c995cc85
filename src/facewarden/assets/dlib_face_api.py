"""dlib's ResNet-34 in uint8 as npm @vladmandic/face-api ships it: the weights of recognizer dlib_resnet34."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="dlib_face_api",
    registry="npm",
    package="@vladmandic/face-api",
    version="1.7.15",
    archive="vladmandic-face-api-1.7.15.tgz",
    archive_sha256="0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
    archive_size=12677476,
    files={
        "face_recognition_model.bin": ArchivePart(
            path="package/model/face_recognition_model.bin",
            sha256="b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
            size=6444032,
        ),
        "face_recognition_model-weights_manifest.json": ArchivePart(
            path="package/model/face_recognition_model-weights_manifest.json",
            sha256="cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
            size=19615,
        ),
        "LICENSE": ArchivePart(
            path="package/LICENSE",
            sha256="9a3442b79acaf4fbc7c2e07b7e2d8f84af9bb3871bf08a69d80304ab00640e9a",
            size=1067,
        ),
    },
    licence="MIT (file inside, for the package); dlib's original of the same weights is public domain / CC0 1.0",
    origin="trained by Davis King for dlib (2017) on about 3 million faces of FaceScrub, VGG-Face and web search, "
    "says dlib; quantized to uint8 by the face-api authors; consent of the people is not stated",
    use="face recognition: another architecture and loss than the MobileFaceNets",
)
