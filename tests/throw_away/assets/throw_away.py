"""Throw-away public part: a release that does not exist, as an example of the smallest file that works."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="throw_away",
    registry="pypi",
    package="throw-away",
    version="1.0",
    archive="throw_away-1.0-py3-none-any.whl",
    archive_sha256="0" * 64,
    archive_size=1,
    files={"weights.onnx": ArchivePart(path="throw_away/weights.onnx", sha256="0" * 64, size=1)},
    licence="Apache-2.0, of a package that does not exist",
    origin="written for the test of CONTRIBUTING",
    use="the test of CONTRIBUTING; it is never fetched",
)
