"""Every command is tried at a desk; see tests/support/desk.py."""

from __future__ import annotations

from tests.support.desk import backed_up, desk, environment, forgetful, fresh, server, start, vault_of_dev

__all__ = ["backed_up", "desk", "environment", "forgetful", "fresh", "server", "start", "vault_of_dev"]
