"""The operations of the service, a file for each group; `cluvault.service.client.CluClient` has them all.

Verbs as Azure's guidelines have them: `get_` raises when absent, `list_` yields, `delete_` succeeds when it is already
gone, `_exists` is False only when the service itself says so. `begin_` starts a job and returns its handle; the
client's `wait` takes that, reports progress, and returns the job's typed end. `list_`, `get_` and `_exists` change
nothing. Every operation may raise ServiceError; the subclass says what can be done about it, the message names the
resource and the project. Operations that not every api-version has may raise OperationNotInVersion.
"""
