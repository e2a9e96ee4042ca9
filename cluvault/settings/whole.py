"""The whole configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import Field, model_validator

from cluvault.errors import ConfigurationError
from cluvault.settings.events import EventsSettings
from cluvault.settings.intake import IntakeSettings, ListenSettings, WatchSettings
from cluvault.settings.prefect import PrefectSettings
from cluvault.settings.resource import ResourceSettings
from cluvault.settings.routes import RouteSettings
from cluvault.settings.section import CONFIG_NAME, Name, SecretName, Section
from cluvault.settings.status import StatusSettings
from cluvault.settings.vault import MAIN_VAULT, CopySettings, VaultSettings
from cluvault.settings.work import BackupSettings, CleanupSettings, PromotionSettings, PruneSettings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

T = TypeVar("T")
_PLACE: Final = re.compile(r"[.~]|.*[/:]")
"""A vault that is named by its place, not by its name."""


class Settings(Section):
    """The whole configuration."""

    vault: VaultSettings = VaultSettings()
    resources: dict[Name, ResourceSettings] = Field(default_factory=dict)
    backup: BackupSettings = BackupSettings()
    cleanup: CleanupSettings = CleanupSettings()
    prune: PruneSettings = PruneSettings()
    status: StatusSettings = StatusSettings()
    promotions: PromotionSettings = PromotionSettings()
    routes: dict[Name, RouteSettings] = Field(default_factory=dict)
    prefect: PrefectSettings = PrefectSettings()
    events: EventsSettings = EventsSettings()
    intake: dict[Name, IntakeSettings] = Field(default_factory=dict)
    listen: ListenSettings = ListenSettings()
    watch: WatchSettings = WatchSettings()

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> Settings:
        for name, route in self.routes.items():
            for end in ("source", "target"):
                if (resource := getattr(route, end)) not in self.resources:
                    raise ValueError(f"route {name}: {end} {resource!r} is not a configured resource")
            self._check_stages(name)
        return self

    @model_validator(mode="after")
    def _objectives_are_of_resources(self) -> Settings:
        for resource in self.status.resources:
            if resource not in self.resources:
                raise ValueError(f"status.resources: {resource!r} is not a configured resource")
        return self

    @model_validator(mode="after")
    def _intakes_lead_somewhere(self) -> Settings:
        named = {f"intake {name}": one.resources for name, one in self.intake.items()}
        for who, resources in {**named, "watch": self.watch.resources}.items():
            for resource in resources:
                if resource not in self.resources:
                    raise ValueError(f"{who}: resource {resource!r} is not a configured resource")
        return self

    @model_validator(mode="after")
    def _snapshots_go_round_in_no_circle(self) -> Settings:
        following = [(one.source, one.target) for one in self.routes.values() if one.on_snapshot]
        while following:
            sources = {source for source, _ in following}
            left = [(source, target) for source, target in following if target in sources]
            if left == following:
                around = ", ".join(sorted({source for source, _ in left}))
                raise ValueError(f"routes with on-snapshot lead in a circle: {around}; it would never end")
            following = left
        return self

    def _check_stages(self, name: str) -> None:
        passed = [name]
        while (before := self.routes[passed[-1]].after) is not None:
            if before not in self.routes:
                raise ValueError(f"route {passed[-1]}: after {before!r} is not a configured route")
            if before in passed:
                raise ValueError(f"route {name}: comes after itself: {' after '.join([*passed, before])}")
            passed.append(before)

    def route(self, name: str) -> RouteSettings:
        """The settings of a route.

        Raises:
            ConfigurationError: it is not configured; the message names those that are.
        """
        return _configured(self.routes, name, what="route", table_name="routes", needs="source and target")

    def inbox(self, name: str) -> IntakeSettings:
        """The settings of an inbox.

        Raises:
            ConfigurationError: it is not configured; the message names those that are.
        """
        return _configured(self.intake, name, what="intake", table_name="intake", needs="place and resources")

    def secret_names(self) -> list[SecretName]:
        """Every secret that the configuration names."""
        sealing, blob = self.vault.encryption, self.vault.az
        named = [name for one in self.resources.values() for name in (one.key, one.key2)]
        named += [sealing.identity, sealing.digest_key, blob.customer_key]
        named += [self.events.secret, self.events.token, self.listen.secret, self.listen.secret2]
        return [name for name in named if name is not None]

    def resource(self, name: str) -> ResourceSettings:
        """The settings of a resource.

        Raises:
            ConfigurationError: it is not configured; the message names those that are.
        """
        return _configured(self.resources, name, what="resource", table_name="resources", needs="its endpoint")

    def chosen_resources(self, names: Collection[str] = (), *, so: str) -> tuple[str, ...]:
        """The resources of these names, each once; all when none is named.

        Args:
            names: Those that somebody chose.
            so: What follows when there is none at all.

        Raises:
            ConfigurationError: one is not configured, or none is.
        """
        chosen = tuple(dict.fromkeys(names or self.resources))
        if not chosen:
            raise ConfigurationError(f"no resource is configured, so {so}", mend="add one")
        for name in chosen:
            self.resource(name)
        return chosen

    @property
    def vaults(self) -> dict[str, CopySettings]:
        """Every configured vault by name."""
        return {MAIN_VAULT: self.vault, **self.vault.copies}

    def with_vault(self, named: str) -> Settings:
        """The same configuration over another vault: a configured one by name, or any by its URL or path.

        A place that is configured is that vault, with its own connection and retention; any other has the defaults,
        and so nothing is ever pruned there. The names stay what they were, and `main` the vault of `[vault]`.

        Raises:
            ConfigurationError: no vault has this name; the message names those that there are.
        """
        if _PLACE.match(named) and "://" not in named:
            named = str(Path(named).expanduser().absolute())
        by_place = {one.url: one for one in self.vaults.values()}
        chosen = self.vaults.get(named) or by_place.get(named)
        if chosen is None and _PLACE.match(named) is None:
            raise ConfigurationError(
                f"no vault is called {named!r} (configured: {', '.join(self.vaults)})",
                mend=f"add it to vault.copies in {CONFIG_NAME}, or write a URL, or ./{named} for a folder",
            )
        fields: dict[str, Any] = {"url": named}
        if chosen is not None:
            fields = {name: getattr(chosen, name) for name in CopySettings.model_fields}
        return self.model_copy(update={"vault": VaultSettings.model_construct(**fields, copies=self.vaults)})


def _configured(table: Mapping[str, T], name: str, *, what: str, table_name: str, needs: str) -> T:
    if name in table:
        return table[name]
    known = ", ".join(sorted(table)) or "none"
    raise ConfigurationError(
        f"{what} {name!r} is not configured (configured: {known})",
        mend=f"add [{table_name}.{name}] with {needs} to {CONFIG_NAME}",
    )
