"""Canonical face mesh of npm mind-ar: 468 vertices, 898 triangles, texture coordinates, for the capture simulator."""

from facewarden.assets.parts.asset import ArchivePart, Asset

entry = Asset(
    name="mindar_face_mesh",
    registry="npm",
    package="mind-ar",
    version="1.2.5",
    archive="mind-ar-1.2.5.tgz",
    archive_sha256="e14a0f6e1bdd85beb757d72354999a967efcaaac2fc9a036ce1852ea2d6c5193",
    archive_size=3768999,
    files={
        "canonical-face-model.obj": ArchivePart(
            path="package/src/face-target/face-geometry/canonical-face-model.obj",
            sha256="8bac80443397e113f41a8b565ea72c59390bc031d9defab289dba7bc0c54e618",
            size=45999,
        ),
        "LICENSE": ArchivePart(
            path="package/LICENSE",
            sha256="4f3aa5215ac0346a823170c9f9677da25c3e8bdb8243693118a3711e157d7fff",
            size=1063,
        ),
    },
    licence="MIT (file inside, for the package); the mesh itself is MediaPipe's, Apache-2.0",
    origin="MediaPipe's canonical face; from whose scans it was made is not stated",
    use="three-dimensional face shape of simulated captures",
)
