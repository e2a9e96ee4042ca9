"""Makes the container of the vault in Azurite; on Azure it is made once, by whoever owns the storage account."""

import os
from contextlib import suppress
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

service: Any = BlobServiceClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"])
with suppress(ResourceExistsError):
    service.create_container("clu-backups")
