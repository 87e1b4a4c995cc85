"""Sites of version 2: what they share, what sealed ones alone have, and that each is the same whoever is beside it."""

from collections import Counter

import pytest

from facewarden.core.errors import BadInputError
from facewarden.core.labels import SPECIES_BY_VERSION, species_group
from facewarden.data.simulate import Simulation
from facewarden.data.simulate.person.people import PhotoPeople, ProceduralPeople
from facewarden.data.simulate.plan import make_plan
from facewarden.data.simulate.sensor.depth_pictures import DEPTH_PICTURES, SEALED_DEPTH_PICTURE
from facewarden.data.simulate.sensor.sites import SEALED_PRINCIPLE, dev_sites, named_sites, sealed_sites
from facewarden.data.simulate.site_plan import SubjectPlan

PEOPLE = ProceduralPeople(0, 64, 3.0)


def plan(subjects: int = 240, captures: int = 4, **changes) -> tuple[SubjectPlan, ...]:  # type: ignore[no-untyped-def]
    return make_plan(PEOPLE, Simulation(version=2, subjects=subjects, captures_per_subject=captures, **changes))


def test_the_sealed_principle_and_encoding_are_met_by_no_other_site() -> None:
    assert SEALED_PRINCIPLE not in {site.depth.principle for site in dev_sites()}
    assert {site.depth_picture for site in dev_sites()} == set(DEPTH_PICTURES) - {SEALED_DEPTH_PICTURE}
    crossed = Counter(
        (site.depth.principle == SEALED_PRINCIPLE, site.depth_picture == SEALED_DEPTH_PICTURE)
        for site in sealed_sites(0x1234ABCD)
    )
    assert set(crossed.values()) == {6}
    assert len(crossed) == 4


def test_a_seed_decides_sealed_sites() -> None:
    assert sealed_sites(7) == sealed_sites(7)
    assert [site.factors for site in sealed_sites(7)] != [site.factors for site in sealed_sites(8)]
    assert sealed_sites(7)[0].name == "sealed_00000007_01"
    assert named_sites(("sealed_00000007",), version=2) == sealed_sites(7)
    assert named_sites(("sealed_00000007_03",), version=2) == sealed_sites(7)[2:3]
    with pytest.raises(BadInputError, match="32 bits"):
        sealed_sites(2**32)


@pytest.mark.parametrize("name", ["site_00", "site_25", "alder", "sealed_0000000_01", "sealed_00000007_25", "SITE_01"])
def test_names_of_no_site_are_refused(name: str) -> None:
    with pytest.raises(BadInputError, match=name):
        named_sites((name,), version=2)
    with pytest.raises(BadInputError, match=name):
        Simulation(version=2, domains=(name,))


def test_versions_know_their_own_sites_and_species_alone() -> None:
    with pytest.raises(BadInputError, match="site_01"):
        Simulation(domains=("site_01",))
    new = next(name for name in SPECIES_BY_VERSION[2] if name not in SPECIES_BY_VERSION[1])
    assert Simulation(version=2, species=(new,)).species == (new,)
    with pytest.raises(BadInputError, match=f"{new}.*version 1 does not render"):
        Simulation(species=(new,))


def test_species_differ_by_site_and_overlap() -> None:
    met = {site.name: frozenset(site.species) for site in dev_sites()}
    assert set().union(*met.values()) == set(SPECIES_BY_VERSION[2]) - {"bona_fide"}
    assert len(set(met.values())) >= 12
    assert {"print_cutout"} in met.values()
    groups = [{species_group(name) for name in some} for some in met.values()]
    assert {"masks"} in groups
    assert sum("masks" in some for some in groups) < len(groups)
    assert all(sum(name in some for some in met.values()) >= 2 for name in SPECIES_BY_VERSION[2] if name != "bona_fide")


def test_sites_differ_in_size_and_share_of_classes() -> None:
    plans = plan(subjects=480)
    people = Counter(some.specs[0].domain for some in plans)
    assert sum(people.values()) == 480
    assert max(people.values()) > 1.4 * min(people.values())
    for site in dev_sites():
        kinds = [spec.species == "bona_fide" for some in plans for spec in some.specs if spec.domain == site.name]
        assert sum(kinds) / len(kinds) == pytest.approx(site.bona_fide, abs=1 / len(kinds))
    assert max(site.bona_fide for site in dev_sites()) > 1.5 * min(site.bona_fide for site in dev_sites())


def test_people_and_their_attackers_are_of_one_site_and_one_split() -> None:
    plans = plan()
    of = {some.person: (some.specs[0].domain, some.specs[0].split) for some in plans}
    assert len(of) == len(plans)
    assert len({some.specs[0].subject for some in plans}) == len(plans)
    inside = [some for some in plans if some.attacker in of]
    assert len(inside) > 0.8 * len(plans)
    assert all(of[some.attacker] == of[some.person] and some.attacker != some.person for some in inside)
    assert len({spec.key for some in plans for spec in some.specs}) == sum(len(some.specs) for some in plans)
    assert {split for _, split in of.values()} == {"train", "dev", "test"}


def test_a_site_is_the_same_whatever_other_sites_are_simulated() -> None:
    one = plan(subjects=9, domains=("site_05",))
    two = plan(subjects=200, domains=("site_17", "site_05"))
    there = [some for some in two if some.specs[0].domain == "site_05"]
    assert [some.specs for some in one] == [some.specs for some in there[:9]]
    assert plan(subjects=2, domains=("site_05", "site_05"))[1].specs[0].domain == "site_05"


def test_every_species_of_a_site_is_met_by_its_weight() -> None:
    for site in dev_sites():
        plans = plan(subjects=40, domains=(site.name,))
        counts = Counter(spec.species for some in plans for spec in some.specs if spec.species != "bona_fide")
        assert set(counts) == set(site.species)
        total = sum(site.species.values())
        for name, count in counts.items():
            assert count == pytest.approx(sum(counts.values()) * site.species[name] / total, abs=2)
        assert {spec.quality for some in plans for spec in some.specs if spec.species != "bona_fide"} == {site.quality}
        assert {spec.framing for some in plans for spec in some.specs} == {site.framing}
    assert len({spec.subtype for some in plan() for spec in some.specs}) > 5


def test_photos_of_people_are_given_out_once() -> None:
    people = PhotoPeople(0, 64, 3.0, ())
    plans = make_plan(people, Simulation(version=2, subjects=30, captures_per_subject=1))
    assert [some.person for some in plans] == list(range(30))


def test_every_site_needs_somebody() -> None:
    with pytest.raises(BadInputError, match="3 people at 24 sites"):
        plan(subjects=3)


def test_both_halves_of_version_3_meet_every_level_of_every_factor() -> None:
    first, second = dev_sites(3)[::2], dev_sites(3)[1::2]
    for name in set(first[0].factors) - {"half"}:
        assert {site.factors[name] for site in first} == {site.factors[name] for site in second}, name
