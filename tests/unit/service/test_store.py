"""Keys and jobs in SQLite and in PostgreSQL: the same behavior, also when several servers ask at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from facewarden.core.errors import BadInputError
from facewarden.service.store.database import open_database
from facewarden.service.store.job_store import JobStore
from facewarden.service.store.key_store import KeyStore, hash_of_secret, parts_of


def test_only_a_hash_of_a_key_is_kept(engine: Engine) -> None:
    store = KeyStore(engine)
    key, whole = store.add("clinic", scopes=["score", "audit"], rate="5/minute", days=1)
    identity, secret = parts_of(whole) or ("", "")
    assert identity == key.id
    assert len(secret) == 64
    with engine.connect() as connection:
        kept = str(connection.execute(text("SELECT * FROM facewarden_keys")).mappings().all())
    assert secret not in kept
    assert hash_of_secret(secret) in kept
    (found,) = store.all()
    assert found == key
    assert found.valid(time.time())
    assert not found.valid(time.time() + 86401)


def test_keys_are_revoked_by_name_or_id_and_names_come_back(engine: Engine) -> None:
    store = KeyStore(engine)
    key, _ = store.add("a", scopes=["score"])
    with pytest.raises(BadInputError, match="already"):
        store.add("a", scopes=["score"])
    assert store.revoke("a").id == key.id
    assert not store.all()[0].valid(time.time())
    with pytest.raises(BadInputError, match="no key"):
        store.revoke(key.id)
    other, _ = store.add("a", scopes=["purify"])
    assert store.revoke(other.id).name == "a"


def test_a_name_revokes_every_key_that_bears_it(engine: Engine) -> None:
    store = KeyStore(engine)
    store.add("clinic", scopes=["score"], days=1e-9)
    live, _ = store.add("clinic", scopes=["score"])  # the first one has expired: its name is free again
    other, _ = store.add(live.id, scopes=["score"])  # a name that is the id of another key
    assert store.revoke("clinic").id == live.id
    assert [key.id for key in store.all() if key.valid(time.time())] == [other.id]


@pytest.mark.parametrize(
    ("name", "scopes", "rate", "days"),
    [("", ["score"], "", None), ("a", [], "", None), ("a", ["root"], "", None), ("a\nb", ["score"], "", None),
     ("a", ["score"], "often", None),
     ("a", ["score"], "1/minute;9/second", None), ("a", ["score"], "0/minute", None), ("a", ["score"], "", 0.0)],
)  # fmt: skip
def test_keys_that_make_no_sense_are_refused(
    tmp_path: Path, name: str, scopes: list[str], rate: str, days: float | None
) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    store = KeyStore(engine)
    with pytest.raises(BadInputError):
        store.add(name, scopes=scopes, rate=rate, days=days)
    assert store.all() == []
    engine.dispose()


def test_a_job_goes_from_the_queue_to_its_end(engine: Engine) -> None:
    store = JobStore(engine)
    job = store.submit("audit", {"seed": 1}, by="k")
    assert job is not None
    assert (job.state, job.request, job.by, job.tries) == ("queued", {"seed": 1}, "k", 0)
    assert store.submit("audit", {}, waiting=1) is None
    assert store.counts() == {"queued": 1}
    taken = store.claim("one", lease=60)
    assert taken is not None
    assert (taken.id, taken.state, taken.tries) == (job.id, "running", 1)
    assert store.claim("two", lease=60) is None
    assert store.renew(taken, "one", lease=60, progress={"done": 3}) == (True, False)
    assert store.renew(taken, "two", lease=60) == (False, False)
    assert not store.finish(taken, "two", "done", {})
    assert not store.remove(job.id)
    assert store.finish(taken, "one", "done", {"grades": {}})
    ended = store.get(job.id)
    assert ended is not None
    assert (ended.state, ended.progress, ended.outcome) == ("done", {"done": 3}, {"grades": {}})
    assert ended.ended is not None
    assert store.cancel(job.id) == ended
    assert [one.id for one in store.latest(kind="audit")] == [job.id]
    assert store.latest(kind="other") == []
    assert store.remove(job.id)
    assert store.get(job.id) is None


def test_jobs_of_a_server_that_is_gone_are_queued_again(engine: Engine) -> None:
    store = JobStore(engine)
    for _ in range(2):
        store.submit("audit", {})
    first, second = store.claim("gone", lease=0.0), store.claim("alive", lease=60)
    assert first is not None
    assert second is not None
    time.sleep(0.01)
    assert store.give_back() == 1
    assert [one and one.state for one in (store.get(first.id), store.get(second.id))] == ["queued", "running"]
    again = store.claim("alive", lease=60)
    assert again is not None
    assert (again.id, again.tries) == (first.id, 2)
    assert store.give_back(owner="alive") == 2


def test_a_queued_job_is_canceled_at_once_and_a_running_one_is_asked_to_end(engine: Engine) -> None:
    store = JobStore(engine)
    one, two = store.submit("audit", {}), store.submit("audit", {})
    assert one is not None
    assert two is not None
    taken = store.claim("me", lease=60)
    assert taken is not None
    canceled = store.cancel(two.id)
    asked = store.cancel(one.id)
    assert canceled is not None
    assert asked is not None
    assert (canceled.state, asked.state, asked.cancel) == ("canceled", "running", True)
    assert store.renew(taken, "me", lease=60) == (True, True)


def test_a_job_whose_lease_was_over_is_not_begun_again_by_the_server_that_works_on_it(engine: Engine) -> None:
    store = JobStore(engine)
    store.submit("audit", {})
    slept = store.claim("me", lease=0.0)  # the machine slept, or the database was away
    assert slept is not None
    time.sleep(0.01)
    assert store.give_back(working=[slept.id]) == 0
    assert store.renew(slept, "me", lease=0.0) == (True, False)
    time.sleep(0.01)
    assert store.give_back() == 1  # another server took it over, and gave it up
    again = store.claim("me", lease=60)
    assert again is not None
    assert store.renew(slept, "me", lease=60) == (False, False)  # of the same name, and yet another work
    assert not store.finish(slept, "me", "failed", {})
    assert store.finish(again, "me", "done", {"grades": {}})


def test_no_job_is_given_to_two_servers(engine: Engine) -> None:
    store = JobStore(engine)
    ready = threading.Barrier(4)

    def work(number: int) -> list[str]:
        ready.wait()
        for _ in range(6):
            store.submit("audit", {"number": number})
        taken = []
        while (job := store.claim(f"server {number}", lease=60)) is not None:
            taken.append(job.id)
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [identity for part in pool.map(work, range(4)) for identity in part]
    while (job := store.claim("last", lease=60)) is not None:  # a race may leave some to the next look
        taken.append(job.id)
    assert len(taken) == len(set(taken)) == 24


@pytest.mark.parametrize(
    "url",
    ["mysql://absent/x", "nonsense", "sqlite:////proc/absent/x.db", "postgresql://u:geheim@127.0.0.1:1/x", "sqlite://",
     "sqlite:///:memory:", "sqlite:///file:a?mode=memory&uri=true"],
)  # fmt: skip
def test_a_database_that_cannot_be_used_is_named_without_its_password(url: str) -> None:
    with pytest.raises(BadInputError) as caught:
        open_database(url)
    assert "geheim" not in str(caught.value)


def test_a_database_of_another_release_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE facewarden_about SET version = 99"))
    with pytest.raises(BadInputError, match="version 99"):
        open_database(engine.url.render_as_string(hide_password=False))
