"""Keys: what is built can be parsed again, and no name leaves its folder."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cluvault.plan.keys import (
    HoldKey,
    PromotionKey,
    SnapshotKey,
    budget_key,
    budget_prefix,
    decode_name,
    encode_name,
    holds_prefix,
    is_content_key,
    jobs_key,
    jobs_prefix,
    lease_key,
    leases_prefix,
    parse_budget_key,
    parse_hold_key,
    parse_jobs_key,
    parse_lease_key,
    parse_manifest_key,
    parse_promotion_key,
    parse_prune_key,
    project_prefix,
    promotions_prefix,
    prune_key,
    prunes_prefix,
    resource_prefix,
    run_key,
)
from cluvault.vault.store import check_key

ID = "20261101T020000Z-000b2c3d"
AWKWARD = (
    "",
    ".",
    "..",
    "...",
    "/",
    "a/b",
    "../..",
    "%",
    "%2E",
    "%2e%2e",
    "\\",
    "😀",
    "e\u0301",
    "\0",
    "a b",
    "~",
    "é.",
)

names = st.text() | st.sampled_from(AWKWARD) | st.text(st.sampled_from("./%\\2E e"))
ids = st.from_regex(re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}"), fullmatch=True)
snapshot_keys = st.builds(SnapshotKey, names, names, ids)


@given(names)
def test_names_survive_encoding(name: str) -> None:
    """Any text comes back."""
    assert decode_name(encode_name(name)) == name


@given(names)
def test_an_encoded_name_is_one_harmless_segment(name: str) -> None:
    """Neither empty nor a dot segment, without a slash, in ASCII: any file system, bucket and browser can show it."""
    segment = encode_name(name)
    assert segment not in {"", ".", ".."}
    assert re.fullmatch(r"[A-Za-z0-9_.~%-]+", segment)


@given(names, names)
def test_two_names_never_share_a_folder(one: str, other: str) -> None:
    """Encoding is one to one."""
    assert (encode_name(one) == encode_name(other)) == (one == other)


@pytest.mark.parametrize("name", ["EmailApp", "My-App_2.0", "a.b", "~x"])
def test_allowed_names_read_as_they_are(name: str) -> None:
    """What the service allows needs no decoding by whoever looks into the vault."""
    assert encode_name(name) == name


@pytest.mark.parametrize(
    "name, segment",
    [
        ("", "%"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("😀", "%F0%9F%98%80"),
        ("a b", "a%20b"),
        ("a\\b", "a%5Cb"),
    ],
)
def test_other_names_are_percent_encoded(name: str, segment: str) -> None:
    """As in a URL; an empty name and dot segments have spellings that no other name has."""
    assert encode_name(name) == segment


@given(snapshot_keys)
@example(SnapshotKey("..", "../../etc", ID))
@example(SnapshotKey("", "", ID))
def test_parsing_undoes_building(key: SnapshotKey) -> None:
    """A manifest's key tells its snapshot, whatever the names."""
    assert parse_manifest_key(key.manifest) == key


@given(snapshot_keys)
def test_a_snapshot_stays_in_its_folders(key: SnapshotKey) -> None:
    """Below its resource, below its project, one level deep, in a key that every store accepts."""
    for built in (key.manifest, *key.contents):
        assert built.startswith(project_prefix(key.resource, key.project) + key.snapshot_id + "/")
        assert built.startswith(resource_prefix(key.resource))
        assert built.startswith("snapshots/")
        assert built.count("/") == 4
        assert len(built) > 1024 or check_key(built) == built


@given(names, names)
def test_a_prefix_holds_one_project_only(one: str, other: str) -> None:
    """Projects whose names begin alike have prefixes that do not."""
    assert one == other or not project_prefix("prod", one).startswith(project_prefix("prod", other))


@given(snapshot_keys)
def test_content_keys_are_recognised(key: SnapshotKey) -> None:
    """Content is content, and a manifest is none."""
    assert all(map(is_content_key, key.contents))
    assert (key.content_of(0), key.content_of(0, is_sealed=True)) == key.contents
    assert is_content_key(key.content_of(3))
    assert key.content_of(3, is_sealed=True).endswith("/model-3.config.json.gz.age")
    assert is_content_key(key.content_of(3, is_sealed=True))
    assert not is_content_key(f"{key.folder}model-0.config.json.gz")
    assert not is_content_key(key.manifest)


@given(st.text() | st.lists(names, min_size=5, max_size=5).map("/".join) | snapshot_keys.map(lambda key: key.manifest))
@example("")
@example("cluvault.json")
@example(f"snapshots/a/b/{ID}/manifest.json/x")
@example(f"snapshot/a/b/{ID}/manifest.json")
@example(f"snapshots/a/b/{ID}/config.json.gz")
@example(f"snapshots/a/b/{ID}x/manifest.json")
@example(f"snapshots//b/{ID}/manifest.json")
@example(f"snapshots/../b/{ID}/manifest.json")
@example(f"snapshots/a/%41/{ID}/manifest.json")
@example(f"snapshots/a/%2f/{ID}/manifest.json")
@example(f"snapshots/a/%FF/{ID}/manifest.json")
def test_only_keys_that_would_be_built_are_parsed(text: str) -> None:
    """Two spellings of one name would be two folders for one project: only the one that is built counts."""
    parsed = parse_manifest_key(text)
    assert parsed is None or parsed.manifest == text


def test_foreign_keys_are_not_parsed() -> None:
    """Each part counts."""
    good = SnapshotKey("prod", "EmailApp", ID).manifest
    assert parse_manifest_key(good) is not None
    for bad in (
        "/" + good,
        good + "/",
        good.replace("snapshots", "notes"),
        good.replace("manifest", "config"),
        good.replace(ID, "latest"),
        good.replace("EmailApp", "Email%41pp"),
        good.replace("EmailApp", ".."),
        good.replace("prod", ""),
    ):
        assert parse_manifest_key(bad) is None


@given(names)
def test_no_run_leaves_its_folder(run_id: str) -> None:
    """One record a run, below its day."""
    key = run_key("2026-11-01", run_id)
    assert key.startswith("runs/2026-11-01/")
    assert key.count("/") == 2
    assert decode_name(key.removeprefix("runs/2026-11-01/").removesuffix(".json")) == run_id


def test_keys_sort_by_time() -> None:
    """As texts and as values: what is listed last is newest."""
    keys = [SnapshotKey("prod", "A", f"2026110{day}T000000Z-{day * 11111111 % 10**8:08}") for day in (9, 1, 5)]
    assert sorted(keys) == sorted(keys, key=lambda key: key.manifest) == [keys[1], keys[2], keys[0]]


def test_a_key_names_its_snapshot() -> None:
    """In the words that a user can type."""
    assert SnapshotKey("prod", "EmailApp", ID).reference == f"prod/EmailApp@{ID}"


@given(snapshot_keys, ids, st.booleans())
def test_holds_can_be_parsed_again(key: SnapshotKey, hold_id: str, is_release: bool) -> None:  # noqa: FBT001  # drawn
    """Holds and releases lie below their project, beside one another, and are told apart from everything else."""
    hold = HoldKey(key, hold_id, is_release=is_release)
    assert parse_hold_key(str(hold)) == hold
    assert str(hold).startswith(holds_prefix(key.resource, key.project))
    assert hold.release == HoldKey(key, hold_id, is_release=True)
    assert (parse_manifest_key(str(hold)), parse_prune_key(str(hold))) == (None, None)


@pytest.mark.parametrize(
    "key",
    [
        f"holds/prod/Travel/{ID}/{ID}.txt",
        f"holds/prod/Travel/{ID}/latest.json",
        f"holds/prod/Travel/{ID}/{ID}.released.released.json",
        f"holds/prod/Travel/{ID}.json",
        f"holds/prod/Travel/latest/{ID}.json",
        f"holds/prod/Tr%61vel/{ID}/{ID}.json",
        f"notes/prod/Travel/{ID}/{ID}.json",
    ],
)
def test_what_is_no_hold(key: str) -> None:
    """Only what is built here is believed to be one."""
    assert parse_hold_key(f"holds/prod/Travel/{ID}/{ID}.json") is not None
    assert parse_hold_key(key) is None


@given(names, names, names)
def test_records_of_prunes_can_be_parsed_again(resource: str, project: str, run_id: str) -> None:
    """Whatever the names, each lies below its project."""
    key = prune_key(resource, project, run_id)
    assert parse_prune_key(key) == (resource, project, run_id)
    assert key.startswith(prunes_prefix(resource, project))
    assert (parse_manifest_key(key), parse_hold_key(key)) == (None, None)


@pytest.mark.parametrize(
    "key", ["prunes/prod/Travel/run.txt", "prunes/prod/run.json", "runs/prod/Travel/run.json", "prunes/a/b/c/d.json"]
)
def test_what_is_no_record_of_a_prune(key: str) -> None:
    """Nor is anything else a record."""
    assert parse_prune_key(key) is None


promotion_keys = st.builds(PromotionKey, names, names, ids)


@given(promotion_keys, st.integers(0, 5000))
def test_records_of_promotions_are_parsed_as_they_are_built(key: PromotionKey, number: int) -> None:
    """Whatever the names, and however many records."""
    built = key.record(number)
    assert parse_promotion_key(built) == (key, number)
    assert built.startswith(promotions_prefix(key.resource, key.project))
    assert len(built) > 1024 or check_key(built) == built


@given(names, names, st.integers(0, 10**12))
def test_leases_are_parsed_as_they_are_built(resource: str, project: str, number: int) -> None:
    """Whatever the names, and however often it was renewed."""
    built = lease_key(resource, project, number)
    assert parse_lease_key(built) == (resource, project, number)
    assert built.startswith(leases_prefix(resource, project))
    jobs = jobs_key(resource, ID, number)
    assert parse_jobs_key(jobs) == (resource, ID, number)
    assert jobs.startswith(jobs_prefix(resource))
    ledger = budget_key(resource, project, number)
    assert parse_budget_key(ledger) == (resource, project, number)
    assert ledger.startswith(budget_prefix(resource, project))
    assert len(built) > 1024 or check_key(built) == built


@pytest.mark.parametrize(
    "key",
    [
        "", "promotions/prod/Desk", f"promotions/prod/Desk/{ID}/0.json", f"promotions/prod/Desk/{ID}/000.txt",
        f"promotions/prod/Desk/{ID}/-01.json", f"promotions/prod/Desk/{ID}/\u0660\u0660\u0660.json",
        "promotions/prod/Desk/x/000.json",
        f"promotions/prod/D%65sk/{ID}/000.json", f"leases/prod/Desk/{ID}/000.json", "leases/prod/Desk/1.json",
        "leases/prod/D%65sk/0000000001.json", "lease/prod/Desk/0000000001.json", "leases/prod/Desk/0000000001",
    ],
)  # fmt: skip
def test_other_keys_are_neither_records_nor_leases(key: str) -> None:
    """Only what would be built counts."""
    assert parse_promotion_key(key) is None
    assert parse_lease_key(key) is None
    assert parse_budget_key(key) is None
    assert parse_jobs_key(key) is None
