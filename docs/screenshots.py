"""Screenshots of what people see in Prefect: the approval form and the artifacts of runs, as docs/images/*.png.

    uv run python -m docs.screenshots

It starts a Prefect server and an emulator of its own, backs up, promotes a project as the run of a deployment until it
waits for a person, and photographs the pages in headless Chromium: that of the PATH (`apt-get install chromium`), else
what tests/support/chromium.py fetches. Nobody's Prefect or cluvault settings are used; all of it ends with the script.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import tempfile
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.request import urlopen

from websockets.asyncio.client import ClientConnection, connect

from cluvault.cli.demo.promotion import PROJECT, PromotionStory, add_intent, edit, train_by_hand
from cluvault.cli.demo.stage import perform, run_flow
from cluvault.ops.backup import BackupOptions
from cluvault.ops.status import StatusAlarm, StatusOptions
from tests.support.chromium import installed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cluvault.ops.workspace import Workspace

IMAGES: Final = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1280, 900
PATIENCE: Final = 30.0
OPTIONS: Final = {"project": PROJECT, "route": "dev-to-prod", "apply": True, "requested_by": "anna"}


class Page:
    """A page of the browser, steered by the DevTools protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **parameters: Any) -> Any:
        """One command of the protocol; events that come between are of no interest."""
        self._number += 1
        await self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(await self._socket.recv())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return found["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until it holds in the page."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not await self.evaluate(expression):
            if asyncio.get_running_loop().time() > deadline:
                text = await self.evaluate("document.body.innerText.slice(0, 500)")
                raise TimeoutError(f"the page never came to {expression}; it shows: {text}")
            await asyncio.sleep(0.2)

    async def open(self, url: str, *, shows: str) -> None:
        """Go to an address and wait for a text."""
        await self.call("Page.navigate", url=url)
        await self.until(f"document.body.innerText.includes({json.dumps(shows)})")

    async def click(self, label: str) -> None:
        """Click the first button of this label."""
        button = f"[...document.querySelectorAll('button,a')].find(one => one.innerText.trim() === {json.dumps(label)})"
        await self.until(f"!!{button}")
        await self.evaluate(f"{button}.click()")

    async def photograph(self, name: str) -> None:
        """Write docs/images/NAME.png."""
        await asyncio.sleep(1)  # fonts and animations
        shot = await self.call("Page.captureScreenshot", format="png")
        (IMAGES / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
        print(f"docs/images/{name}.png")


@asynccontextmanager
async def browser() -> AsyncGenerator[Page]:
    """Headless Chromium with one page; it and its profile end with the block."""
    program, libraries = installed()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
        ]
        arguments += ["--remote-debugging-port=0", f"--window-size={WIDTH},{HEIGHT}", "about:blank"]
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=os.environ | libraries,
        )
        try:
            async with connect(await _page_address(Path(profile)), max_size=None) as socket:
                page = Page(socket)
                await page.call(
                    "Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=False
                )
                yield page
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _page_address(profile: Path) -> str:
    """Chromium writes the port that it chose into its profile."""
    file = profile / "DevToolsActivePort"
    for _ in range(300):
        if file.exists() and (lines := file.read_text("utf-8").split()):
            pages = json.loads(await asyncio.to_thread(_read, f"http://127.0.0.1:{lines[0]}/json/list"))
            with suppress(StopIteration):
                return next(one["webSocketDebuggerUrl"] for one in pages if one["type"] == "page")
        await asyncio.sleep(0.1)
    raise TimeoutError("chromium did not say where it can be steered")


def _read(url: str) -> bytes:
    with urlopen(url, timeout=10) as answer:  # noqa: S310  # loopback
        return answer.read()


class Shooting:
    """A story for the demo's stage: what is photographed happens here."""

    flow = "promote"
    next = ""
    running = ()

    def prepare(self, folder: Path, *, port: int) -> None:
        """As for the demo of promotion, with a gate that asks a person."""
        PromotionStory().prepare(folder, port=port)
        file = folder / "cluvault.toml"
        text = file.read_text("utf-8")
        file.write_text(text.replace("gate = { ", "gate = { approval = true, second-person = true, "), "utf-8")

    async def tell(self, workspace: Workspace, folder: Path) -> None:  # noqa: ARG002  # a story's signature
        """Backup, promotion to the question, pictures, rejection, a picture of that."""
        os.environ["CLUVAULT_ACTOR"] = "anna"
        await run_flow("backup", BackupOptions())
        await train_by_hand(workspace)
        await edit(workspace, add_intent)
        with suppress(StatusAlarm):  # the demo's vault was never verified, and what is new has no restore drill
            await run_flow("status", StatusOptions())
        run_id = await _ask_for_approval()
        ui = os.environ["PREFECT_UI_API_URL"].removesuffix("/api")
        artifacts = await _artifacts()
        async with browser() as page:
            await page.open(f"{ui}/runs/flow-run/{run_id}", shows="Suspended")
            await page.click("Resume")
            await page.until("document.body.innerText.includes('May it serve')")
            await page.photograph("approval-form")
            for key, shows in (
                ("cluvault-promotion-plan", "Steps"),
                ("cluvault-promotion", "passed"),
                ("cluvault-promotion-difference", "Archive"),
                ("cluvault-backup", "stored"),
                ("cluvault-status", "last good backup"),
            ):
                await page.open(f"{ui}/artifacts/artifact/{artifacts[key]}", shows=shows)
                await page.photograph(f"artifact-{key.removeprefix('cluvault-')}")


async def _ask_for_approval() -> str:
    """A run of a deployment, up to the question; its id."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415  # it reads the demo's environment
    from prefect.exceptions import Pause  # noqa: PLC0415
    from prefect.flow_engine import run_flow_async  # noqa: PLC0415

    flow = import_module("flows.promote").promote
    async with get_client() as client:
        flow_id = await client.create_flow(flow)
        deployment = await client.create_deployment(flow_id, name="promote", entrypoint="flows.promote:promote")
        run = await client.create_flow_run_from_deployment(deployment, parameters={"options": OPTIONS})
        with suppress(Pause):
            await run_flow_async(flow, flow_run=run, parameters=run.parameters)
        return str(run.id)


async def _artifacts() -> dict[str, str]:
    from prefect.client.orchestration import get_client  # noqa: PLC0415  # it reads the demo's environment

    async with get_client() as client:
        return {str(one.key): str(one.id) for one in await client.read_artifacts(limit=100)}


def main() -> None:
    """Take all of them."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        asyncio.run(perform(Shooting(), Path(folder) / "demo", keep_running=False))


if __name__ == "__main__":
    main()
