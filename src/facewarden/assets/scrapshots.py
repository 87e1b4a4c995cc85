"""CSU ScrapShots from PyPI pyvision-toolkit: 30 people, 173 gray portraits with eye positions, a hard small set."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="scrapshots",
    registry="pypi",
    package="pyvision-toolkit",
    version="1.3.6",
    archive="pyvision_toolkit-1.3.6-py3-none-any.whl",
    archive_sha256="216587b4d9ce273a5eca99fbdd4b03d2ff0300244d3b03a6e00200eba86b40ae",
    archive_size=18636078,
    files={
        "faces": ArchivePart(
            path="pyvision/data/csuScrapShots/",
            sha256="9152c15d1e5ec63e9cbda5f7782f1d98cdadaf6082d43e9a2e9ac306e1c55259",
            size=8963638,
            suffixes=(".pgm", ".txt"),
        ),
    },
    licence="package BSD-3-Clause; nothing is said about the pictures",
    origin="collected at Colorado State University; by their look scans of old yearbook portraits; source and consent "
    "are not stated",
    use="verification on hard pictures. Keep the pictures out of commits",
)
