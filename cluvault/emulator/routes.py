"""The table of the operations that the emulator has."""

from __future__ import annotations

from typing import Final

from cluvault.emulator import model_routes, project_routes
from cluvault.emulator.calls import Operation, status_of

OPERATIONS: Final = (
    Operation("List Projects", "GET", "projects", project_routes.list_projects),
    Operation("Get Project", "GET", "projects/{project}", project_routes.get_project),
    Operation("Create Project", "PATCH", "projects/{project}", project_routes.patch_project, project_routes.read_patch),
    Operation("Delete Project", "DELETE", "projects/{project}", project_routes.delete_project),
    Operation("Get Project Deletion Status", "GET", "projects/global/deletion-jobs/{job}", status_of("deletion")),
    Operation(
        "Import", "POST", "projects/{project}/:import", project_routes.import_project, project_routes.read_import
    ),
    Operation("Get Import Status", "GET", "projects/{project}/import/jobs/{job}", status_of("import")),
    Operation("Export", "POST", "projects/{project}/:export", project_routes.export_project),
    Operation("Get Export Status", "GET", "projects/{project}/export/jobs/{job}", project_routes.export_status),
    Operation("Get Export Result", "GET", "projects/{project}/export/jobs/{job}/result", project_routes.export_result),
    Operation("List Trained Models", "GET", "projects/{project}/models", model_routes.list_models),
    Operation("List Deployments", "GET", "projects/{project}/deployments", model_routes.list_deployments),
)
