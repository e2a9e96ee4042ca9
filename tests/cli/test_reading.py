"""The commands that change nothing."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.cli.render import LongTable
from cluvault.emulator.state import Change
from cluvault.errors import StorageDenied
from cluvault.vault.folder import FolderStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.desk import Desk


def test_projects_are_listed_with_their_last_snapshots(backed_up: Desk) -> None:
    """A person sees name, kind, language and the id of the last snapshot of each project."""
    heading, mail, pizza = backed_up.done("projects", "dev").out.splitlines()
    assert heading.split("  ")[0] == "project"
    assert mail.split()[:3] == ["Mail", "Conversation", "en-us"]
    assert pizza.split()[-1] == backed_up.content("Pizza").parent.name


def test_projects_before_the_first_backup(desk: Desk) -> None:
    """A vault that does not exist yet is no error: the projects were never backed up."""
    rows = desk.done("projects", "dev").out.splitlines()[1:]
    assert [row.split()[-1] for row in rows] == ["never", "never"]
    assert not desk.vault.exists()
    assert desk.done("projects", "prod").out == "prod has no projects\n"


def test_projects_for_programs(backed_up: Desk) -> None:
    """The JSON of each project has the documented keys."""
    mail, pizza = backed_up.done("projects", "dev", "--json").json
    assert set(mail) == {
        "project", "kind", "language", "multilingual", "lastModified", "lastTrained", "lastDeployed", "lastSnapshot",
    }  # fmt: skip
    assert (mail["multilingual"], pizza["multilingual"]) == (True, False)
    assert pizza["lastSnapshot"] == backed_up.content("Pizza").parent.name


def test_snapshots_are_listed(backed_up: Desk) -> None:
    """The list can be narrowed to a resource and to a project."""
    assert len(backed_up.done("snapshots").out.splitlines()) == 3
    assert len(backed_up.done("snapshots", "dev").out.splitlines()) == 3
    heading, row = backed_up.done("snapshots", "dev/Pizza").out.splitlines()
    assert heading.split("  ")[0] == "project"
    assert row.split()[:2] == ["dev/Pizza", backed_up.content("Pizza").parent.name]
    assert backed_up.done("snapshots", "prod").out.startswith("no snapshots of prod")


def test_snapshots_for_programs(backed_up: Desk) -> None:
    """The JSON of a snapshot is its manifest, with its holds and its project's end; of no snapshots an empty list."""
    (found,) = backed_up.done("snapshots", "dev/Pizza", "--json").json
    manifest = json.loads(backed_up.manifest("Pizza").read_bytes())
    assert found == manifest | {"holds": [], "projectGoneSince": None}
    whole = backed_up.done("snapshots", "--json")
    assert [one["project"] for one in whole.json] == ["Mail", "Pizza"]
    assert whole.out == json.dumps(whole.json, indent=2, ensure_ascii=False) + "\n"
    assert backed_up.done("snapshots", "prod", "--json").out == "[]\n"


def test_held_snapshots_and_projects_that_are_gone(backed_up: Desk) -> None:
    """The list has a note, `show` a row for each."""
    backed_up.done("hold", "dev/Pizza", "--reason", "audit 2026")
    emulator = backed_up.server.emulator
    with emulator.lock:
        emulator.commit({"dev": Change(removed_projects=("Pizza",))})
    backed_up.done("backup", "dev")
    mail, pizza = backed_up.done("snapshots").out.splitlines()[1:]
    assert "gone" not in mail
    assert "held: audit 2026; gone since 20" in pizza
    shown = backed_up.done("show", "dev/Pizza").out.splitlines()
    assert "audit 2026" in next(row for row in shown if row.startswith("held"))
    assert any(row.startswith("project ") and "gone from dev since 20" in row for row in shown)


def test_long_tables_keep_their_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Headings once; what comes later is as wide as what came first, or wider."""
    table = LongTable(("name", "number"))
    table.add([("a" * 30, "1")] * 1000)
    table.add([("日本", "2"), ("b" * 40, "3\u001b")])
    table.end()
    table.end()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "name" + " " * 28 + "number"
    assert lines[1:1001] == ["a" * 30 + "  1"] * 1000
    assert lines[1001:] == ["日本" + " " * 38 + "2", "b" * 40 + "  3\\u001b"]


def test_one_damaged_manifest_does_not_hide_the_other_snapshots(backed_up: Desk) -> None:
    """The list is whole but for what cannot be read, which is named; the exit code says damage."""
    backed_up.manifest("Pizza").write_bytes(b"{}")
    outcome = backed_up("snapshots")
    assert outcome.code == 5
    assert [row.split()[0] for row in outcome.out.splitlines()[1:]] == ["dev/Mail"]
    assert "Pizza" in outcome.error


def test_show(backed_up: Desk) -> None:
    """One snapshot with every fact of its manifest; as JSON the manifest itself."""
    manifest = json.loads(backed_up.manifest("Pizza").read_bytes())
    shown = backed_up.done("show", "dev/Pizza").out
    for fact in (manifest["snapshotId"], manifest["content"]["key"], manifest["content"]["rawSha256"], "5 intents"):
        assert fact in shown
    assert backed_up.done("show", "dev/Pizza", "--json").json == manifest | {"holds": [], "projectGoneSince": None}


def test_cat_gives_the_exact_bytes(backed_up: Desk, sample: Callable[[str], bytes], tmp_path: Path) -> None:
    """Of a snapshot what the service exported; of a file what is in it, decompressed."""
    exported = gzip.decompress(backed_up.content("Pizza").read_bytes())
    assert backed_up.done("cat", "dev/Pizza").stdout == exported
    assert backed_up.done("cat", "live:dev/Pizza").stdout == exported
    loose = tmp_path / "loose.json.gz"
    loose.write_bytes(gzip.compress(sample("wildlife-tours")))
    assert backed_up.done("cat", str(loose)).stdout == sample("wildlife-tours")


def test_cat_leaves_line_ends_alone(desk: Desk, sample: Callable[[str], bytes]) -> None:
    """CRLF, a byte order mark and a missing last line end come out as they went in."""
    data = b"\xef\xbb\xbf" + json.dumps(json.loads(sample("pizza-small")), indent=1).replace("\n", "\r\n").encode()
    (desk.folder / "crlf.json").write_bytes(data)
    assert desk.done("cat", "./crlf.json").stdout == data


def test_cat_into_a_file(backed_up: Desk) -> None:
    """The file is new or the command refuses."""
    bytes_of_pizza = backed_up.done("cat", "dev/Pizza").stdout
    backed_up.done("cat", "dev/Pizza", "-o", "out.json")
    assert (backed_up.folder / "out.json").read_bytes() == bytes_of_pizza
    refused = backed_up("cat", "dev/Mail", "-o", "out.json")
    assert refused.code == 2
    assert refused.error == "out.json: file exists; nothing was written; choose another place"
    assert (backed_up.folder / "out.json").read_bytes() == bytes_of_pizza


def test_diff(backed_up: Desk) -> None:
    """People get lines with signs and a summary; equal meaning is said in one line."""
    assert backed_up.done("diff", "dev/Pizza", "live:dev/Pizza").out == "no difference in meaning\n"
    lines = backed_up.done("diff", "dev/Pizza", "dev/Mail", "--limit", "2").out.splitlines()
    assert any(line.startswith("  + ") for line in lines)
    assert any(line.startswith("  - ") for line in lines)


def test_diff_exit_code(backed_up: Desk) -> None:
    """`--exit-code` tells a script whether they differ."""
    assert backed_up("diff", "dev/Pizza", "dev/Mail", "--exit-code").code == 1
    assert backed_up("diff", "dev/Pizza", "dev/Pizza", "--exit-code").code == 0


def test_diff_for_programs_and_pages(backed_up: Desk) -> None:
    """JSON has the documented keys; Markdown starts with a title that names both sides."""
    found = backed_up.done("diff", "dev/Pizza", "dev/Mail", "--json").json
    assert set(found) == {
        "equal", "summary", "settings", "intents", "entities", "labels", "utterances", "conversations",
    }  # fmt: skip
    assert found["equal"] is False
    assert backed_up.done("diff", "dev/Pizza", "dev/Mail", "--markdown").out.startswith("## dev/Pizza → dev/Mail\n")


def test_verify(backed_up: Desk) -> None:
    """A whole vault verifies, all of it or one snapshot; it is said whether bytes were read."""
    how = "names and sizes checked, contents not read: 0 missing, 0 damaged\n"
    assert backed_up.done("verify").out == f"2 snapshots, 2 contents, {how}"
    assert backed_up.done("verify", "dev/Pizza").out == f"1 snapshot, 1 content, {how}"
    found = backed_up.done("verify", "--read-data", "--json").json
    assert (found["snapshots"], found["readData"], found["findings"]) == (2, True, [])
    assert found["bytesRead"] == sum(len(backed_up.content(one).read_bytes()) for one in ("Pizza", "Mail"))
    assert (backed_up.vault / found["record"]).is_file()


def test_validate_says_every_finding(desk: Desk, sample: Callable[[str], bytes]) -> None:
    """A good file exits with 0; a bad one with 1 and one line a finding; JSON has pointer, sentence and mend."""
    document: Any = json.loads(sample("pizza-small"))
    (desk.folder / "good.json").write_bytes(sample("pizza-small"))
    document["assets"]["utterances"][0]["intent"] = "Nowhere"
    document["assets"]["utterances"][1]["dataset"] = "Trian"
    (desk.folder / "bad.json").write_text(json.dumps(document), "utf-8")
    (desk.folder / "luis.html").write_text("<html>503</html>", "utf-8")
    assert desk("validate", "good.json").code == 0
    shown = desk("validate", "good.json", "bad.json", "luis.html")
    assert (shown.code, shown.stderr) == (1, "")
    assert any(line.startswith("error: /assets/utterances/0/intent: ") for line in shown.out.splitlines())
    good, bad, page = desk("validate", "good.json", "bad.json", "luis.html", "--json").json
    assert (good["valid"], bad["valid"], page["valid"]) == (True, False, False)
    assert {"severity", "pointer", "sentence", "mend"} <= set(bad["findings"][0])
    assert {finding["pointer"] for finding in bad["findings"]} >= {
        "/assets/utterances/0/intent",
        "/assets/utterances/1/dataset",
    }
    assert good["refusal"] is None
    assert "luis.html" in page["refusal"]


def test_validate_of_a_path_that_cannot_be_read_is_a_usage_error(desk: Desk) -> None:
    """It is no judgement on a project file: exit code 2."""
    outcome = desk("validate", "nowhere.json")
    assert outcome.code == 2
    assert outcome.error == "nowhere.json: no such file or directory"


def test_reading_commands_change_nothing(backed_up: Desk) -> None:
    """Neither the vault nor the resources."""
    before = backed_up.world()
    for command in (["projects", "dev"], ["snapshots"], ["show", "dev/Pizza"], ["cat", "live:dev/Pizza"],
                    ["diff", "dev/Pizza", "live:dev/Mail"]):  # fmt: skip
        backed_up.done(*command)
    assert backed_up.world() == before


@pytest.mark.parametrize("argument", ["--json", "-v"])
def test_a_damaged_snapshot_is_named_by_verify(backed_up: Desk, argument: str) -> None:
    """Exit code 5, the key and the snapshot; the others are judged all the same."""
    content = backed_up.content("Pizza")
    content.write_bytes(content.read_bytes()[:-9])
    outcome = backed_up("verify", argument)
    assert outcome.code == 5
    assert f"dev/Pizza@{content.parent.name}" in outcome.out
    assert str(content.relative_to(backed_up.vault)) in outcome.out
    assert outcome.error.startswith("verify: snapshots/dev/Pizza/")
    assert "Mail" not in outcome.out


def test_a_flipped_bit_needs_every_byte(backed_up: Desk) -> None:
    """Names and sizes do not show it, and the summary says so; with --read-data it is found."""
    content = backed_up.content("Pizza")
    data = bytearray(content.read_bytes())
    data[100] ^= 1
    content.write_bytes(data)
    assert "contents not read" in backed_up.done("verify").out
    outcome = backed_up("verify", "--read-data")
    assert outcome.code == 5
    assert "2 contents, every byte read: 0 missing, 1 damaged" in outcome.out


def test_verify_repairs_and_drills(backed_up: Desk) -> None:
    """What is live still gives the lost bytes back; the repaired snapshot is then restored for a trial."""
    before = backed_up.world()[1]
    content = backed_up.content("Pizza")
    whole = content.read_bytes()
    content.unlink()
    outcome = backed_up.done("verify", "dev/Pizza", "--repair", "--drill", "prod")
    assert content.read_bytes() == whole
    assert "repaired" in outcome.out
    assert "drill: 1 proven. Record: runs/" in outcome.out
    assert backed_up.world()[1] == before


def test_verify_from_another_vault_is_for_repair(backed_up: Desk) -> None:
    """A usage error names the option."""
    outcome = backed_up("verify", "--from", "elsewhere")
    assert outcome.code == 2
    assert outcome.error.startswith("--from: ")


def test_a_read_only_vault_is_verified_all_the_same(backed_up: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the record is missing, and that is said."""

    async def refuse(_self: object, key: str, _body: bytes) -> None:
        raise StorageDenied(f"{key}: access is refused")

    monkeypatch.setattr(FolderStore, "put_new", refuse)
    outcome = backed_up.done("verify")
    assert "0 missing, 0 damaged\nno record of this was written: runs/" in outcome.out
    assert "access is refused" in backed_up.done("verify", "--json").json["unrecorded"]


def test_many_snapshots_of_one_damaged_content(backed_up: Desk) -> None:
    """The table names a few and says how many more there are; JSON names all."""
    for tag in "abcd":
        backed_up.done("backup", "dev", "--project", "Mail", "--tag", tag)
    (content,) = backed_up.vault.glob("snapshots/dev/Mail/*/config.json.gz")
    content.unlink()
    outcome = backed_up("verify")
    assert (outcome.code, outcome.out.count("dev/Mail@")) == (5, 3)
    assert "and 2 more" in outcome.out
    (finding,) = backed_up("verify", "--json").json["findings"]
    assert (finding["finding"], len(finding["snapshots"])) == ("missing", 5)
