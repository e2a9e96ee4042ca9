"""The intake: what is put into an inbox is imported once, in the right order, or refused with its reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import pytest

from cluvault.errors import ConfigurationError, LeaseHeld, StoreUnavailable
from cluvault.model.json_text import read_json
from cluvault.ops.intake import IntakeOptions, intake
from cluvault.ops.take_in import InboxObject
from cluvault.plan.verify import FindingKind
from cluvault.settings import IntakeSettings
from tests.support.inboxes import MemoryInbox, MemoryQueue
from tests.support.snapshots import everything, overwrite
from tests.support.world import failing_job, project_file

if TYPE_CHECKING:
    from cluvault.ops.report import Report
    from cluvault.plan.inbox import Standing
    from cluvault.vault.store import ObjectStore
    from tests.support.world import World

KEY = "inbox/dev/Travel/config.json"
COPY = "s3://bucket/copy"


class Killed(BaseException):
    """Stands for the end of the process."""


@dataclass
class Place:
    """A world with an inbox and its queue."""

    world: World
    inbox: MemoryInbox
    queue: MemoryQueue

    async def take_in(self, *objects: str, **options: Any) -> Report:
        """Take in what is named, or all."""
        chosen = tuple(InboxObject(inbox="team", key=key) for key in objects)
        async with self.world.workspace() as workspace:
            return await intake(workspace, IntakeOptions(objects=chosen, **options))

    def put(self, key: str = KEY, body: bytes | None = None) -> None:
        """Put an object and tell of it, as S3 does."""
        self.inbox.put(key, project_file("Travel", "to Rome") if body is None else body)
        self.tell(key)

    def tell(self, key: str = KEY) -> None:
        """S3's notification."""
        obj = {"key": quote_plus(key), "eTag": "a", "sequencer": "1"}
        record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "clu"}, "object": obj}}
        self.queue.send(json.dumps({"Records": [record]}).encode())

    def reason(self, prefix: str) -> dict[str, Any]:
        """The one reason below a prefix."""
        return read_json(self.inbox.body(prefix, "reason.json"), source="reason")

    def configure(self, **values: Any) -> None:
        """Change the inbox's settings."""
        changed = self.world.settings.intake["team"].model_copy(update=values)
        self.world.settings = self.world.settings.model_copy(update={"intake": {"team": changed}})


@pytest.fixture
def place(world: World) -> Place:
    """An inbox that leads to dev."""
    settings = IntakeSettings(
        place="s3://clu", resources=("dev",), queue="https://sqs.eu-central-1.amazonaws.com/1/clu"
    )
    world.settings = world.settings.model_copy(update={"intake": {"team": settings}})
    found = Place(world, MemoryInbox(now=world.now), MemoryQueue())
    world.open_inbox, world.open_queue = (lambda _: found.inbox), (lambda _: found.queue)
    return found


def outcomes(report: Report) -> list[str]:
    """Of every item."""
    return [item.outcome for item in report.items]


async def test_an_object_becomes_a_project(place: Place) -> None:
    """Imported, proven, moved to done/ byte for byte with its reason; the message is acknowledged."""
    body = project_file("Whatever", "to Rome")
    place.put(body=body)
    report = await place.take_in()
    assert [(item.resource, item.project, item.outcome) for item in report.items] == [("dev", "Travel", "restored")]
    assert await place.world.projects("dev") == ["Travel"]
    assert place.inbox.keys("inbox/") == []
    assert place.inbox.body("done/dev/Travel/", "/config.json") == body
    assert place.reason("done/dev/Travel/")["state"] == "imported"
    assert b"state: imported\n" in place.inbox.body("done/dev/Travel/", "reason.txt")
    assert place.queue.left == 0
    assert report.exit_code == 0


async def test_what_stood_there_is_kept(place: Place) -> None:
    """The reason names the safety snapshot."""
    await place.world.put("dev", "Travel", project_file("Travel", "to Paris"))
    place.put()
    await place.take_in()
    safety = place.reason("done/")["safetySnapshot"]
    (kept,) = await place.world.snapshots("dev", "Travel")
    assert kept.reference == safety
    assert kept.reason == "safety"


async def test_the_same_event_again(place: Place) -> None:
    """Imports nothing and reports nothing."""
    place.put()
    await place.take_in()
    place.world.events.clear()
    place.tell()
    report = await place.take_in()
    assert (report.items, report.record_key) == ((), "")
    assert place.world.changes == []
    assert place.queue.left == 0


async def test_the_same_content_again(place: Place) -> None:
    """As a new object: the project means it already, nothing is imported, the object goes to done/ all the same."""
    place.put()
    await place.take_in()
    place.world.events.clear()
    place.put("inbox/dev/Travel/again.json", project_file("Other", "to Rome"))
    report = await place.take_in()
    assert outcomes(report) == ["unchanged"]
    assert place.world.changes == []
    assert place.inbox.keys("inbox/") == []


async def test_the_same_content_after_another(place: Place) -> None:
    """Is a way back: it is imported."""
    for text in ("to Rome", "to Paris", "to Rome"):
        place.put(body=project_file("Travel", text))
        assert outcomes(await place.take_in()) == ["restored"]


@pytest.mark.parametrize("number", [30, pytest.param(500, marks=pytest.mark.long)])
async def test_a_burst_is_handled_once(place: Place, number: int) -> None:
    """Each object once, however many messages tell of it, and in whatever order."""
    keys = [f"inbox/dev/P{one}/config.json" for one in range(number)]
    for key in keys:
        place.inbox.put(key, project_file("P", "to Rome"))
    for key in [*keys, *reversed(keys)]:
        place.tell(key)
    report = await place.take_in()
    assert outcomes(report) == ["restored"] * number
    assert sum(event.endswith("/:import") for event in place.world.events) == number
    assert place.queue.left == 0


async def test_an_older_object_after_a_newer_one(place: Place) -> None:
    """Does not overwrite it: it goes to done/, superseded."""
    place.inbox.put("inbox/dev/Travel/old.json", project_file("Travel", "to Rome"))
    place.inbox.put("inbox/dev/Travel/new.json", project_file("Travel", "to Paris"))
    await place.take_in("inbox/dev/Travel/new.json")
    before = await place.world.digest("dev", "Travel")
    report = await place.take_in("inbox/dev/Travel/old.json")
    assert outcomes(report) == ["skipped"]
    assert "new.json was put later" in str(report.items[0].detail)
    assert await place.world.digest("dev", "Travel") == before
    assert place.inbox.keys("inbox/") == []


async def test_objects_of_one_project_go_in_their_order(place: Place) -> None:
    """The newest is what stays, whatever their names."""
    place.inbox.put("inbox/dev/Travel/z.json", project_file("Travel", "to Rome"))
    place.inbox.put("inbox/dev/Travel/a.json", project_file("Travel", "to Paris"))
    assert outcomes(await place.take_in()) == ["restored", "restored"]
    assert b"to Paris" in await place.world.export("dev", "Travel")


@pytest.mark.parametrize(
    "body, why",
    [
        (b"{", "the JSON ends too early"),
        (b"", "the file is empty"),
        (b"\x1f\x8b\x08damaged", "gzip"),
        (b"[" * 100_000, "nested deeper"),
        (b"x" * 5000, "has 5000 bytes, at most 4000 are read"),
        (b"{}", "config.json"),
    ],
)
async def test_a_poison_file(place: Place, body: bytes, why: str) -> None:
    """Ends in refused/ as it is, with its reason; the message is gone, others go on."""
    place.configure(max_bytes=4000 if len(body) == 5000 else 2**20)
    place.put(body=body)
    place.put("inbox/dev/Good/config.json")
    report = await place.take_in()
    assert sorted(outcomes(report)) == ["refused", "restored"]
    assert report.exit_code == 3
    assert place.inbox.body("refused/dev/Travel/", "/config.json") == body
    assert why in place.reason("refused/dev/Travel/")["why"]
    assert place.queue.left == 0
    assert await place.world.projects("dev") == ["Good"]


@pytest.mark.parametrize(
    "key, why",
    [
        ("inbox/prod/Travel/config.json", "does not import into 'prod'"),
        ("inbox/dev/Tr%2Favel/config.json", "contains '%'"),
        ("inbox/dev/Träv el/config.json", "contains"),
        ("inbox/dev/Travel/config.yaml", "is no .json"),
        ("inbox/config.json", "names no project"),
    ],
)
async def test_an_object_that_belongs_nowhere(place: Place, key: str, why: str) -> None:
    """Goes to refused/unplaced/; nothing is imported."""
    place.put(key)
    report = await place.take_in()
    assert outcomes(report) == ["refused"]
    assert why in place.reason("refused/unplaced/")["why"]
    assert place.world.changes == []
    assert place.inbox.keys("inbox/") == []
    assert place.queue.left == 0


@pytest.mark.parametrize("message", [b"no JSON", b"{}", b"\xff", json.dumps({"Records": 3}).encode()])
async def test_a_message_that_nobody_understands(place: Place, message: bytes) -> None:
    """Is kept in refused/messages/ with its reason; the queue goes on."""
    place.queue.send(message)
    place.put()
    assert outcomes(await place.take_in()) == ["restored"]
    assert place.inbox.body("refused/messages/", "/message") == message
    assert "message m0" in place.reason("refused/messages/")["why"]
    assert place.queue.left == 0


@pytest.mark.parametrize("key", ["inbox/dev/../../config.json", "inbox//x.json", "inbox/dev/Tra\x00vel/config.json"])
async def test_a_key_that_no_store_of_ours_can_have(place: Place, key: str) -> None:
    """The message is refused, nothing is touched."""
    place.tell(key)
    assert (await place.take_in()).items == ()
    assert "the object stays there" in place.reason("refused/messages/")["why"]
    assert place.queue.left == 0


async def test_what_does_not_concern_the_inbox(place: Place) -> None:
    """Other buckets, other folders, what was moved to done/: acknowledged, and nothing else."""
    for key in ("done/dev/Travel/a/config.json", "inbox/", "other/config.json"):
        place.tell(key)
    assert (await place.take_in()).items == ()
    assert place.queue.left == 0
    assert place.inbox.keys() == []


async def test_what_fails_again_and_again(place: Place) -> None:
    """Stays in the inbox for N tries, then it is refused with the last reason; the message goes with it."""
    place.configure(tries=2)
    place.world.hook = failing_job("Travel", "import")
    place.put()
    assert outcomes(await place.take_in()) == ["failed"]
    place.queue.come_again()
    report = await place.take_in()
    assert outcomes(report) == ["refused"]
    assert "out of luck" in place.reason("refused/dev/Travel/")["why"]
    assert place.inbox.keys("inbox/") == []
    assert (await place.take_in()).items == ()
    place.queue.come_again()
    assert (await place.take_in()).items == ()
    assert place.queue.left == 0


async def test_what_no_file_can_be_blamed_for(place: Place) -> None:
    """Costs no try: with a wrong key the object waits; its message goes to refused/messages/ after N times."""
    place.configure(tries=1)
    place.world.key = "wrong"
    place.put()
    for _ in range(3):
        report = await place.take_in()
        assert outcomes(report)[-1] == "failed"
    assert place.inbox.keys("inbox/") == [KEY]
    assert "was received 1 times" in place.reason("refused/messages/")["why"]
    place.world.key = "emulator-key-1"
    assert outcomes(await place.take_in()) == ["restored"]


async def test_a_project_that_somebody_else_works_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object waits for its turn, and the message comes again; who was asked for just this object says it failed."""
    place.put()

    async def held(*_: Any, **__: Any) -> Any:
        raise LeaseHeld("bob works on dev/Travel")

    with monkeypatch.context() as patch:
        patch.setattr("cluvault.vault.leases.Leases.acquire", held)
        report = await place.take_in()
        assert (outcomes(report), report.exit_code) == (["skipped"], 0)
        assert outcomes(await place.take_in(KEY)) == ["failed"]
    place.queue.come_again()
    assert outcomes(await place.take_in()) == ["restored"]
    assert place.queue.left == 0


@pytest.mark.parametrize("verb", ["look", "read", "remove"])
async def test_a_crash_at_any_step(place: Place, verb: str) -> None:
    """Whoever comes after it goes on: one project, one object in done/, nothing left."""

    def die(called: str) -> None:
        if called == verb:
            raise Killed

    place.put()
    place.inbox.before = die
    with pytest.raises(BaseExceptionGroup):
        await place.take_in()
    place.inbox.before = lambda _verb: None
    place.world.moment += timedelta(minutes=30)  # until the lease of the dead is nobody's
    place.queue.come_again()
    await place.take_in()
    assert await place.world.projects("dev") == ["Travel"]
    assert place.inbox.keys("inbox/") == []
    assert len(place.inbox.keys("done/")) == 3
    assert place.queue.left == 0
    assert sum(event.endswith("/:import") for event in place.world.events) == 1


async def test_two_who_take_in_the_same_object(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looked before the other had put it away, and has the turn after it, has nothing to do; that is no failure."""
    place.put()
    looked_at = await place.inbox.look(KEY)
    assert outcomes(await place.take_in()) == ["restored"]

    async def earlier(_key: str) -> Standing:
        monkeypatch.undo()
        return looked_at

    monkeypatch.setattr(place.inbox, "look", earlier)
    assert outcomes(await place.take_in(KEY)) == []
    assert sum(event.endswith("/:import") for event in place.world.events) == 1


async def test_a_file_that_kills(place: Place) -> None:
    """Is refused after N tries that never came to an end."""
    place.configure(tries=2)
    place.put()

    def die(called: str) -> None:
        if called == "read":
            raise Killed

    for _ in range(2):
        place.inbox.before = die
        with pytest.raises(BaseExceptionGroup):
            await place.take_in()
        place.world.moment += timedelta(minutes=30)
    place.inbox.before = lambda _verb: None
    assert outcomes(await place.take_in()) == ["refused"]
    assert place.reason("refused/dev/Travel/")["why"] == "was tried 2 times, and no try came to an end"


async def test_an_object_that_is_put_while_another_is_worked_on(place: Place) -> None:
    """Is not removed with it, and has its own turn."""
    place.put()
    seen: list[str] = []

    def put_another(called: str) -> None:
        if called == "remove" and not seen:
            seen.append(called)
            place.put(body=project_file("Travel", "to Paris"))

    place.inbox.before = put_another
    report = await place.take_in()
    assert outcomes(report) == ["restored", "restored"]
    assert b"to Paris" in await place.world.export("dev", "Travel")
    assert place.inbox.keys("inbox/") == []


async def test_an_object_that_changes_just_before_it_is_read(place: Place) -> None:
    """The new one's own message brings it in."""
    place.put()
    seen: list[str] = []

    def put_another(called: str) -> None:
        if called == "read" and not seen:
            seen.append(called)
            place.put(body=project_file("Travel", "to Paris"))

    place.inbox.before = put_another
    assert outcomes(await place.take_in()) == ["restored"]
    assert b"to Paris" in await place.world.export("dev", "Travel")


async def test_a_fault_of_ours(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts as a try of the file that provokes it; others go on."""

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("no")

    place.put()
    monkeypatch.setattr("cluvault.ops.take_in.named", broken)
    report = await place.take_in()
    assert report.items[0].outcome == "failed"
    assert "unexpected ZeroDivisionError" in str(report.items[0].detail)


async def test_an_inbox_that_cannot_be_reached(place: Place) -> None:
    """The message comes again."""

    def away(called: str) -> None:
        if called == "look":
            raise StoreUnavailable("the store is away")

    place.put()
    place.inbox.before = away
    assert outcomes(await place.take_in()) == ["failed"]
    assert place.queue.left == 1
    place.inbox.before = lambda verb: 1 / 0 if verb == "look" else None  # type: ignore[func-returns-value]
    assert "unexpected ZeroDivisionError" in str((await place.take_in()).items[0].detail)


async def test_a_luis_app(place: Place, sample: Any) -> None:
    """Is migrated by the service, as with restore."""
    place.put(body=sample("luis-pizza"))
    assert outcomes(await place.take_in()) == ["restored"]


async def test_a_compressed_file(place: Place) -> None:
    """Is decompressed up to the limit, and kept as it is."""
    import gzip  # noqa: PLC0415  # only here

    place.configure(max_bytes=100_000)
    place.put("inbox/dev/Travel/config.json.gz", gzip.compress(project_file("Travel", "to Rome")))
    place.put("inbox/dev/Bomb/config.json.gz", gzip.compress(b" " * 10_000_000))
    assert sorted(outcomes(await place.take_in())) == ["refused", "restored"]
    assert "decompresses to more than 100000 bytes" in place.reason("refused/dev/Bomb/")["why"]


async def test_inboxes_that_are_not_configured(place: Place, world: World) -> None:
    """Are named."""
    with pytest.raises(ConfigurationError, match="intake 'other' is not configured"):
        await place.take_in(inboxes=("other",))
    world.settings = world.settings.model_copy(update={"intake": {}})
    with pytest.raises(ConfigurationError, match="no inbox is configured"):
        await place.take_in()


async def test_the_records_of_a_vault_are_its_own(place: Place) -> None:
    """`verify` finds nothing foreign."""
    place.put()
    await place.take_in()
    assert (await place.world.verify()).findings == ()


# --- the records ---------------------------------------------------------------------------------------------------


async def test_a_copied_vault_knows_what_was_imported(place: Place) -> None:
    """The same object, still there because it could not be removed, is not imported again from the second vault."""
    place.put()
    assert outcomes(await place.take_in()) == ["restored"]
    assert (await place.world.copy()).exit_code == 0
    mine, theirs = [await own_records(store) for store in (place.world.store, place.world.copies[COPY])]
    assert theirs == mine
    assert [key.rpartition("/")[2] for key in mine] == ["000.json", "001.json"]


async def test_verify_reads_the_records(place: Place) -> None:
    """One that is missing before another, and one that lies in another's place, are damage."""
    place.put()
    await place.take_in()
    store = place.world.store
    assert (await place.world.verify()).findings == ()
    first, second = await own_records(store)
    body = await store.get(first)
    await store.delete(first)
    missing, *others = (await place.world.verify()).findings
    assert (missing.kind, missing.key, missing.project, others) == (FindingKind.MISSING, first, "Travel", [])
    assert "its intake" in missing.problem
    await store.put_new(first, await store.get(second))
    (moved,) = (await place.world.verify()).findings
    assert (moved.kind, moved.key, moved.problem) == (FindingKind.DAMAGED, first, "is the record of another intake")
    await overwrite(store, first, body)
    assert (await place.world.verify()).findings == ()


async def test_old_records_go_with_a_prune(place: Place) -> None:
    """After 90 days, but for the last import's: an older object that still lies there must not replace it."""
    for city in ("Rome", "Oslo", "Bonn"):
        place.put(body=project_file("Travel", f"to {city}"))
        assert outcomes(await place.take_in()) == ["restored"]
        place.world.moment += timedelta(seconds=2)
    first, *_, last = await own_records(place.world.store)
    place.world.configure("vault", retention={"keep-last": 1})
    place.world.configure("prune", safety_days=0)
    for day in (1, 91):
        place.world.moment += timedelta(days=day)
        await place.world.backup()
        await place.world.prune(apply=True)
        left = [key.rpartition("/")[0] for key in await own_records(place.world.store)]
        assert len(left) == (6 if day == 1 else 2)
    assert set(left) == {last.rpartition("/")[0]} != {first.rpartition("/")[0]}
    assert (await place.world.verify()).findings == ()


async def own_records(store: ObjectStore) -> dict[str, bytes]:
    """The records of intakes, in their order."""
    return {key: body for key, body in sorted((await everything(store)).items()) if key.startswith("intakes/")}
