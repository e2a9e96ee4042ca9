"""Configuration: `cluvault.toml`, overridden by the environment. Secrets are named here, never written here."""

from cluvault.settings.events import EventsSettings
from cluvault.settings.intake import IntakeSettings, ListenSettings, TokenSettings, WatchSettings
from cluvault.settings.loading import Environment, find_config, load_settings
from cluvault.settings.prefect import PrefectSettings
from cluvault.settings.resource import RateLimits, ResourceSettings
from cluvault.settings.routes import (
    DeploySettings,
    GateSettings,
    OverrideSettings,
    RouteSettings,
    SplitSettings,
    TargetSettings,
    TrainSettings,
)
from cluvault.settings.section import CONFIG_NAME, SecretName, check_endpoint, is_loopback
from cluvault.settings.status import Objective, StatusSettings
from cluvault.settings.vault import (
    MAIN_VAULT,
    BlobSettings,
    CopySettings,
    EncryptionSettings,
    Rules,
    S3Settings,
    VaultSettings,
)
from cluvault.settings.whole import Settings
from cluvault.settings.work import BackupSettings, CleanupRule, CleanupSettings, PromotionSettings, PruneSettings

__all__ = [
    "CONFIG_NAME",
    "MAIN_VAULT",
    "BackupSettings",
    "BlobSettings",
    "CleanupRule",
    "CleanupSettings",
    "CopySettings",
    "DeploySettings",
    "EncryptionSettings",
    "Environment",
    "EventsSettings",
    "GateSettings",
    "IntakeSettings",
    "ListenSettings",
    "Objective",
    "OverrideSettings",
    "PrefectSettings",
    "PromotionSettings",
    "PruneSettings",
    "RateLimits",
    "ResourceSettings",
    "RouteSettings",
    "Rules",
    "S3Settings",
    "SecretName",
    "Settings",
    "SplitSettings",
    "StatusSettings",
    "TargetSettings",
    "TokenSettings",
    "TrainSettings",
    "VaultSettings",
    "WatchSettings",
    "check_endpoint",
    "find_config",
    "is_loopback",
    "load_settings",
]
