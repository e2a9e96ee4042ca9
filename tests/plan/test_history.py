"""What a vault holds of a project, sorted by what it is."""

from __future__ import annotations

from dataclasses import replace

from cluvault.model.object_info import ObjectInfo
from cluvault.plan.history import key_of, sort_objects
from tests.support.histories import NOW, history_of, hours_ago, key_at, manifest_at

OLD, NEW = manifest_at(hours_ago(2)), manifest_at(hours_ago(1))
SHARING = manifest_at(hours_ago(0.5), content=key_of(OLD))


def test_objects_are_told_apart() -> None:
    """Manifests by their snapshots, contents by their keys, everything else is foreign."""
    key = key_at(NOW)
    notes = f"{key.folder}notes.txt"
    deep = f"{key.folder}more/manifest.json"
    names = (key.manifest, key.content, notes, deep, "snapshots/prod/Travel/latest/config.json.gz")
    objects = [ObjectInfo(name, number, NOW) for number, name in enumerate(names)]
    found = sort_objects(objects)
    assert found.manifests == {key: objects[0]}
    assert found.contents == {key.content: objects[1]}
    assert found.foreign == tuple(objects[2:])


def test_when_an_object_was_written_does_not_make_another_object() -> None:
    """Two stores that hold the same agree."""
    assert ObjectInfo("a", 1, NOW) == ObjectInfo("a", 1, hours_ago(1)) != ObjectInfo("a", 2, NOW)


def test_a_snapshot_is_whole_when_its_content_has_its_size() -> None:
    """Missing and cut short are told without reading a byte."""
    history = history_of(OLD)
    assert history.is_whole(OLD)
    assert not history.is_whole(NEW)
    short = {OLD.content.key: ObjectInfo(OLD.content.key, 9, NOW)}
    assert not replace(history, contents=short).is_whole(OLD)


def test_what_nothing_refers_to() -> None:
    """A content goes with the last snapshot that refers to it."""
    loose = key_at(NOW, 7).content
    history = history_of(OLD, NEW, SHARING, loose=[loose])
    assert history.unreferenced() == (loose,)
    assert history.unreferenced(without=[key_of(OLD)]) == (loose,)
    assert history.unreferenced(without=[key_of(OLD), key_of(SHARING)]) == tuple(sorted([OLD.content.key, loose]))


def test_nothing_is_unreferenced_beside_what_cannot_be_read() -> None:
    """The snapshot that cannot be read may refer to any of them."""
    history = history_of(OLD, loose=[NEW.content.key], unreadable={key_of(NEW): "not a manifest"})
    assert history.unreferenced() == ()
    assert history.unreferenced(without=[key_of(OLD)]) == ()
