"""The flows for real: a Prefect server, an emulator, a folder vault. What they do is tested without Prefect."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from prefect.blocks.system import Secret
from prefect.states import Failed

from cluvault.errors import (
    ConfigurationError,
    DamagedSnapshot,
    GuardRefused,
    ProjectExists,
    StorageFull,
    StoreUnavailable,
    Throttled,
)
from cluvault.ops.backup import BackupOptions
from cluvault.ops.cleanup import CleanupOptions
from cluvault.ops.create import CreateOptions
from cluvault.ops.imports import NotWhatWasMeant
from cluvault.ops.prune import PruneOptions
from cluvault.ops.report import RunFailed
from cluvault.ops.restore import RestoreOptions
from cluvault.ops.verify import VerifyOptions
from cluvault.ops.workspace import Workspace
from cluvault.vault.folder import FolderStore
from tasks.backup import export_backup
from tasks.running import current_workspace, is_retryable, read_secret_block
from tests.support.desk import CONFIGURATION, KEY
from tests.support.world import project_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.flows.conftest import Prefect
    from tests.support.desk import Desk

pytestmark = pytest.mark.prefect


class TestBackup:
    """export-backup."""

    def test_has_a_task_run_a_project_a_table_and_a_record(self, prefect: Prefect) -> None:
        """What a person looks for in the UI is there; the vault has the record; the key is nowhere."""
        report = prefect.run("backup", BackupOptions(resources=("dev",), tags=("nightly",)))
        run = prefect.last_run()
        assert run.state is not None
        assert run.state.is_completed()
        tasks = prefect.task_runs(run, at_least=4)
        assert {one.name for one in tasks} >= {"export dev/Mail", "export dev/Pizza"}
        assert all("cluvault" in one.tags for one in tasks)
        rows = json.loads(prefect.artifacts(run)["cluvault-backup"])
        assert {(row["project"], row["outcome"]) for row in rows} == {("Mail", "stored"), ("Pizza", "stored")}
        assert (prefect.desk.vault / report.record_key).is_file()
        known = run.model_dump_json() + "".join(one.model_dump_json() for one in tasks)
        assert "nightly" in known
        assert KEY not in known

    def test_of_which_a_part_fails(self, prefect: Prefect) -> None:
        """The run is Failed and raises the whole report; the rest is stored; the table starts with the failure."""
        options = BackupOptions(resources=("dev",), projects=("Pizza", "Piza"))
        with pytest.raises(RunFailed) as raised:
            prefect.run("backup", options)
        assert [(item.project, item.outcome) for item in raised.value.report.items] == [
            ("Piza", "failed"), ("Pizza", "stored"),
        ]  # fmt: skip
        run = prefect.last_run()
        assert run.state is not None
        assert run.state.is_failed()
        assert json.loads(prefect.artifacts(run)["cluvault-backup"])[0]["project"] == "Piza"

    @pytest.mark.parametrize("error, tries", [(StoreUnavailable("the store is away"), 3), (DamagedSnapshot("no"), 1)])
    def test_repeats_a_step_only_for_what_may_pass(
        self, prefect: Prefect, monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int
    ) -> None:
        """A store that is away twice costs two repetitions of the one step; other errors end it at once."""
        monkeypatch.setenv("CLUVAULT_VAULT__PATIENCE", "0")  # else the store itself would be waited for
        flaky = _Flaky(str(prefect.desk.vault), error)
        monkeypatch.setitem(_defaults(Workspace.__init__), "open_vault_store", flaky.opened)
        monkeypatch.setattr(export_backup, "retry_delay_seconds", [0.01])
        options = BackupOptions(resources=("dev",), projects=("Pizza",))
        if tries == 1:
            with pytest.raises(RunFailed):
                prefect.run("backup", options)
        else:
            assert prefect.run("backup", options).summary == "1 stored"
        (export,) = [one for one in prefect.task_runs(prefect.last_run(), at_least=3) if one.name == "export dev/Pizza"]
        assert export.run_count == tries


class _Flaky(FolderStore):
    """A folder that fails the first two times that content is put into it."""

    def __init__(self, root: str, error: Exception) -> None:
        super().__init__(root)
        self._errors = [error, error]

    def opened(self, _url: str) -> FolderStore:
        """In place of the vault's store."""
        return self

    async def put_new(self, key: str, body: bytes) -> None:
        if key.endswith("config.json.gz") and self._errors:
            raise self._errors.pop()
        await super().put_new(key, body)


def _defaults(function: Any) -> dict[str, Any]:
    return function.__kwdefaults__


class TestRestore:
    """import-from-storage."""

    def test_proves_itself(self, prefect: Prefect, vault_of_dev: Path) -> None:
        """The target means what the snapshot means; each step is a task run."""
        prefect.desk.use_vault(vault_of_dev)
        report = prefect.run("restore", RestoreOptions(reference="dev/Pizza", to="prod"))
        assert report.plan.project == "Pizza"
        assert prefect.desk.projects("prod") == {"Pizza"}
        run = prefect.last_run()
        assert run.name == "restore dev/Pizza to prod"
        names = {one.name for one in prefect.task_runs(run, at_least=5)}
        assert names >= {"fetch dev/Pizza", "plan restore to prod", "import prod/Pizza", "prove prod/Pizza"}

    def test_keeps_what_it_replaces(self, prefect: Prefect, vault_of_dev: Path) -> None:
        """The safety snapshot is taken by a task of its own, before the import."""
        prefect.desk.use_vault(vault_of_dev)
        options = RestoreOptions.model_validate({"reference": "dev/Pizza", "to": "dev/Mail", "if_exists": "replace"})
        report = prefect.run("restore", options)
        tasks = {one.name: one for one in prefect.task_runs(prefect.last_run(), at_least=6)}
        kept, imported = tasks["keep dev/Mail"], tasks["import dev/Mail"]
        assert kept.end_time is not None
        assert imported.start_time is not None
        assert kept.end_time <= imported.start_time
        assert report.safety.startswith("dev/Mail@")

    def test_refuses_to_overwrite(self, prefect: Prefect, vault_of_dev: Path) -> None:
        """The run is Failed, nothing is changed."""
        prefect.desk.use_vault(vault_of_dev)
        before = prefect.desk.world()
        with pytest.raises(ProjectExists):
            prefect.run("restore", RestoreOptions(reference="dev/Pizza", to="dev"))
        assert prefect.desk.world() == before


@pytest.mark.parametrize("name", ["restore", "create"])
def test_what_an_import_lost_is_an_artifact(prefect: Prefect, forgetful: Desk, name: str) -> None:
    """The service accepted the file and did not keep all of it: the run is Failed and shows the difference."""
    file = str(forgetful.folder / "described.json")
    options = {
        "restore": RestoreOptions(reference=file, to="prod/Pizza"),
        "create": CreateOptions(target="prod/Pizza", seeds=(file,)),
    }
    with pytest.raises(NotWhatWasMeant):
        prefect.run(name, options[name])
    run = prefect.last_run()
    assert run.state is not None
    assert run.state.is_failed()
    assert "when somebody wants to cancel" in prefect.artifacts(run)["cluvault-difference"]


def test_a_deletion_that_fails_is_in_the_table(prefect: Prefect, sample: Callable[[str], bytes]) -> None:
    """The project could not be kept, so it was not deleted; the run is Failed."""
    prefect.desk.put("dev", "Old-draft", sample("pizza-small"))
    prefect.desk.vault.mkdir()
    (prefect.desk.vault / "photo.jpg").write_bytes(b"of somebody else")
    outcome = prefect.desk("cleanup", "dev", "--apply", "--json")
    assert outcome.code != 0
    assert outcome.error
    assert "Old-draft" in prefect.desk.projects("dev")


def test_create_twice_changes_nothing(prefect: Prefect, sample: Callable[[str], bytes]) -> None:
    """The second run sees that the project has this content already."""
    (prefect.desk.folder / "seed.json").write_bytes(sample("pizza-small"))
    options = CreateOptions(target="prod/New", seeds=("seed.json",))
    assert prefect.run("create", options).outcome == "created"
    assert prefect.last_run().name == "create prod/New"
    before = prefect.desk.world()
    assert prefect.run("create", options).outcome == "unchanged"
    assert prefect.desk.world() == before


class TestCleanup:
    """cleanup-delete."""

    def test_shows_its_plan(self, prefect: Prefect, sample: Callable[[str], bytes]) -> None:
        """Each project has its decision and reason in an artifact; nothing is deleted."""
        prefect.desk.put("dev", "Old-draft", sample("pizza-small"))
        before = prefect.desk.world()
        prefect.run("cleanup", CleanupOptions(resource="dev"))
        run = prefect.last_run()
        assert run.name == "cleanup dev"
        rows = json.loads(prefect.artifacts(run)["cluvault-cleanup-plan"])
        assert {(row["project"], row["decision"]) for row in rows} == {
            ("Old-draft", "delete"), ("Mail", "keep"), ("Pizza", "keep"),
        }  # fmt: skip
        assert prefect.desk.world() == before

    def test_deletes_after_keeping(self, prefect: Prefect, sample: Callable[[str], bytes]) -> None:
        """With `apply` the project goes and its pre-delete snapshot stays."""
        prefect.desk.put("dev", "Old-draft", sample("pizza-small"))
        report = prefect.run("cleanup", CleanupOptions(resource="dev", apply=True))
        assert report.run.summary == "1 deleted"
        assert prefect.desk.projects("dev") == {"Mail", "Pizza"}
        assert json.loads(prefect.desk.manifest("Old-draft").read_bytes())["reason"] == "pre-delete"
        assert "cluvault-cleanup" in prefect.artifacts(prefect.last_run())

    def test_is_refused_by_its_guard(self, prefect: Prefect) -> None:
        """Too much at once: the run is Failed, the plan with its refusal is still shown, nothing is deleted."""
        before = prefect.desk.world()
        with pytest.raises(GuardRefused):
            prefect.run("cleanup", CleanupOptions(resource="dev", everything=True, apply=True))
        run = prefect.last_run()
        assert run.state is not None
        assert run.state.is_failed()
        assert "cluvault-cleanup-plan" in prefect.artifacts(run)
        assert prefect.desk.world() == before


class TestVerify:
    """verify, with restore drill."""

    def test_reads_and_drills(self, prefect: Prefect, vault_of_dev: Path) -> None:
        """Each project and each drill is a task run; nothing stays in the resource."""
        prefect.desk.use_vault(vault_of_dev)
        report = prefect.run("verify", VerifyOptions(read_data=True, drill="prod"))
        assert report.summary == "2 snapshots, 2 contents, every byte read: 0 missing, 0 damaged"
        assert report.drill.summary == "2 proven"
        assert prefect.desk.projects("prod") == set()
        run = prefect.last_run()
        names = {one.name for one in prefect.task_runs(run, at_least=7)}
        assert names >= {"check dev/Pizza", "drill dev/Pizza in prod", "record verify", "record drill"}
        assert set(prefect.artifacts(run)) == {"cluvault-verify", "cluvault-drill"}

    def test_fails_for_damage(self, prefect: Prefect, vault_of_dev: Path) -> None:
        """The run is Failed, its table names key and repair; the command shows the same with exit code 5."""
        prefect.desk.use_vault(vault_of_dev)
        prefect.desk.content("Pizza").write_bytes(b"")
        prefect.desk.put("dev", "Pizza", project_file("Pizza", "something else"))
        outcome = prefect.desk("verify", "--repair")
        assert outcome.code == 5
        assert "1 damaged" in outcome.out
        run = prefect.last_run()
        assert run.state is not None
        assert run.state.is_failed()
        (row,) = json.loads(prefect.artifacts(run)["cluvault-verify"])
        assert row["key"] == str(prefect.desk.content("Pizza").relative_to(prefect.desk.vault))
        assert row["repair"].startswith("failed: ")


class TestPrune:
    """Retention."""

    @pytest.fixture
    def edited(self, prefect: Prefect, vault_of_dev: Path, sample: Callable[[str], bytes]) -> Prefect:
        """Pizza has two snapshots, of which one is to stay; Mail has one."""
        desk = prefect.desk
        desk.use_vault(vault_of_dev)
        text = CONFIGURATION.replace('url = "vault"\n', 'url = "vault"\nretention = {{ keep-last = 1 }}\n')
        desk.configure(text.format(url=desk.server.url))
        desk.put("dev", "Pizza", sample("emailapp-demo"))
        desk.done("backup", "dev", "--no-flow")
        return prefect

    def test_shows_its_plan(self, edited: Prefect) -> None:
        """Each snapshot has its decision and reasons in an artifact, those that go first; nothing is removed."""
        before = edited.desk.world()
        edited.run("prune", PruneOptions())
        run = edited.last_run()
        rows = json.loads(edited.artifacts(run)["cluvault-prune-plan"])
        assert [(row["snapshot"].partition("@")[0], row["decision"], row["reasons"]) for row in rows] == [
            ("dev/Pizza", "remove", "no rule keeps it"), ("dev/Mail", "keep", "last"), ("dev/Pizza", "keep", "last"),
        ]  # fmt: skip
        assert "cluvault-prune" not in edited.artifacts(run)
        assert edited.desk.world() == before

    def test_removes_project_by_project(self, edited: Prefect) -> None:
        """With `apply` each project that has work is a task run; table and record say what went."""
        edited.desk.manifest("Mail").write_bytes(b"{")
        report = edited.run("prune", PruneOptions(apply=True))
        assert report.run.summary == "1 removed"
        run = edited.last_run()
        assert {one.name for one in edited.task_runs(run, at_least=3)} >= {
            "plan prune",
            "prune dev/Pizza",
            "record prune",
        }
        artifacts = edited.artifacts(run)
        assert [row["outcome"] for row in json.loads(artifacts["cluvault-prune"])] == ["removed"]
        plan = {row["snapshot"].partition("@")[0]: row for row in json.loads(artifacts["cluvault-prune-plan"])}
        assert "not a manifest" in plan["dev/Mail"]["reasons"]
        assert (edited.desk.vault / report.run.record_key).is_file()
        assert len(list(edited.desk.vault.glob("snapshots/dev/Pizza/*/manifest.json"))) == 1

    def test_by_the_command(self, edited: Prefect) -> None:
        """It prints what it prints without Prefect."""
        directly = edited.desk.done("prune", "--no-flow").out
        before = edited.count_runs()
        assert edited.desk.done("prune").out == directly
        assert "prune: 1 removed. Record: runs/" in edited.desk.done("prune", "--apply").out
        assert edited.count_runs() == before + 2

    @pytest.mark.parametrize("json_wanted", [False, True])
    def test_that_fails(self, edited: Prefect, monkeypatch: pytest.MonkeyPatch, *, json_wanted: bool) -> None:
        """The run is Failed; the command says which project, in one line, with exit code 1."""

        async def full(_store: FolderStore, key: str, _body: bytes) -> None:
            assert key.startswith(("prunes/", "runs/"))
            if key.startswith("prunes/"):
                raise StorageFull("no space left on device")

        monkeypatch.setattr(FolderStore, "put_new", full)
        outcome = edited.desk("prune", "--apply", *(["--json"] if json_wanted else []))
        assert (outcome.code, outcome.error) == (1, "prune: 1 failed; dev/Pizza: no space left on device")
        if json_wanted:
            assert [item["outcome"] for item in outcome.json["run"]["items"]] == ["failed"]
        else:
            assert outcome.out.splitlines()[-2].split()[:2] == ["failed", "dev/Pizza"]
        run = edited.last_run()
        assert run.state is not None
        assert run.state.is_failed()

    def test_needs_a_policy(self, prefect: Prefect) -> None:
        """Nothing says what may go: the run is Failed."""
        with pytest.raises(ConfigurationError, match=r"vault\.retention is not set"):
            prefect.run("prune", PruneOptions(apply=True))
        run = prefect.last_run()
        assert run.state is not None
        assert run.state.is_failed()


class TestSecretBlock:
    """A key that is kept in a Prefect Secret block."""

    CONFIGURED = CONFIGURATION.replace('env = "CLU_TEST_KEY"', 'prefect-secret = "clu-dev-key"')

    def test_signs_in(self, prefect: Prefect) -> None:
        """Inside a flow and from a command that runs none."""
        prefect.desk.configure(self.CONFIGURED.format(url=prefect.desk.server.url))
        _save_secret("clu-dev-key", KEY)
        assert prefect.run("backup", BackupOptions(resources=("dev",))).summary == "2 stored"
        assert prefect.desk.done("projects", "prod").out == "prod has no projects\n"

    @pytest.mark.usefixtures("prefect")
    def test_that_does_not_exist(self) -> None:
        """Its name and the mend."""
        with pytest.raises(ConfigurationError, match=r"'nowhere' cannot be loaded.*create it in the Prefect UI"):
            read_secret_block("nowhere")

    @pytest.mark.usefixtures("prefect")
    def test_that_holds_nothing_usable(self) -> None:
        """A number is no key."""
        _save_secret("a-number", 7)
        with pytest.raises(ConfigurationError, match="holds no text"):
            read_secret_block("a-number")


def _save_secret(name: str, value: Any) -> None:
    async def save() -> None:
        await cast("Any", Secret)(value=value).asave(name, overwrite=True)

    asyncio.run(save())


@pytest.mark.parametrize(
    "error, retried",
    [(Throttled("busy"), True), (StoreUnavailable("away"), True), (ProjectExists("there"), False), (KeyError(), False)],
)
async def test_what_is_retried(error: Exception, *, retried: bool) -> None:
    """Only what the error itself calls retryable; a fault of ours is not repeated."""
    nothing: Any = None
    assert await is_retryable(nothing, nothing, Failed(data=error)) is retried


def test_a_task_outside_of_a_flow_says_so() -> None:
    """A step has its workspace from its flow."""
    with pytest.raises(ConfigurationError, match="inside a flow of cluvault only; call the flow"):
        current_workspace()
