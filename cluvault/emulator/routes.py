"""The table of the operations that the emulator has."""

from __future__ import annotations

from typing import Final

from cluvault.emulator import (
    copy_routes,
    deployment_routes,
    evaluation_routes,
    exported_model_routes,
    model_routes,
    prediction_routes,
    project_routes,
    reference_lists,
    resource_routes,
    training_routes,
)
from cluvault.emulator.calls import RUNTIME, Operation, status_of
from cluvault.emulator.versions import COPY, EVALUATION_JOBS, EXPORTED_MODELS, PREDICTION, RESOURCES, SNAPSHOTS

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
    Operation("Train", "POST", "projects/{project}/:train", training_routes.train, training_routes.read_training),
    Operation("List Training Jobs", "GET", "projects/{project}/train/jobs", training_routes.list_trainings),
    Operation("Get Training Status", "GET", "projects/{project}/train/jobs/{job}", training_routes.training_status),
    Operation(
        "Cancel Training Job", "POST", "projects/{project}/train/jobs/{job}/:cancel", training_routes.cancel_training
    ),
    Operation("List Trained Models", "GET", "projects/{project}/models", model_routes.list_models),
    Operation("Get Trained Model", "GET", "projects/{project}/models/{part}", model_routes.get_model),
    Operation("Delete Trained Model", "DELETE", "projects/{project}/models/{part}", model_routes.delete_model),
    Operation(
        "Load Snapshot",
        "POST",
        "projects/{project}/models/{part}/:load-snapshot",
        model_routes.load_snapshot,
        versions=SNAPSHOTS,
    ),
    Operation(
        "Get Load Snapshot Status",
        "GET",
        "projects/{project}/models/{part}/load-snapshot/jobs/{job}",
        status_of("load-snapshot"),
        versions=SNAPSHOTS,
    ),
    Operation(
        "Get Model Evaluation Summary",
        "GET",
        "projects/{project}/models/{part}/evaluation/summary-result",
        evaluation_routes.evaluation_summary,
    ),
    Operation(
        "Get Model Evaluation Results",
        "GET",
        "projects/{project}/models/{part}/evaluation/result",
        evaluation_routes.evaluation_results,
    ),
    Operation(
        "Evaluate Model",
        "POST",
        "projects/{project}/models/{part}/:evaluate",
        evaluation_routes.evaluate_model,
        evaluation_routes.read_evaluation,
        versions=EVALUATION_JOBS,
    ),
    Operation(
        "Get Evaluation Status",
        "GET",
        "projects/{project}/models/{part}/evaluate/jobs/{job}",
        evaluation_routes.evaluation_status,
        versions=EVALUATION_JOBS,
    ),
    Operation(
        "List Exported Models",
        "GET",
        "projects/{project}/exported-models",
        exported_model_routes.list_exported_models,
        versions=EXPORTED_MODELS,
    ),
    Operation(
        "Get Exported Model",
        "GET",
        "projects/{project}/exported-models/{part}",
        exported_model_routes.get_exported_model,
        versions=EXPORTED_MODELS,
    ),
    Operation(
        "Create Or Update Exported Model",
        "PUT",
        "projects/{project}/exported-models/{part}",
        exported_model_routes.put_exported_model,
        exported_model_routes.read_exported_model,
        versions=EXPORTED_MODELS,
    ),
    Operation(
        "Delete Exported Model",
        "DELETE",
        "projects/{project}/exported-models/{part}",
        exported_model_routes.delete_exported_model,
        versions=EXPORTED_MODELS,
    ),
    Operation(
        "Get Exported Model Job Status",
        "GET",
        "projects/{project}/exported-models/{part}/jobs/{job}",
        status_of("exported-model"),
        versions=EXPORTED_MODELS,
    ),
    Operation("List Deployments", "GET", "projects/{project}/deployments", deployment_routes.list_deployments),
    Operation("Get Deployment", "GET", "projects/{project}/deployments/{part}", deployment_routes.get_deployment),
    Operation(
        "Deploy Project",
        "PUT",
        "projects/{project}/deployments/{part}",
        deployment_routes.deploy,
        deployment_routes.read_deployment,
    ),
    Operation(
        "Delete Deployment", "DELETE", "projects/{project}/deployments/{part}", deployment_routes.delete_deployment
    ),
    Operation(
        "Get Deployment Status", "GET", "projects/{project}/deployments/{part}/jobs/{job}", status_of("deployment")
    ),
    Operation(
        "Swap Deployments",
        "POST",
        "projects/{project}/deployments/:swap",
        deployment_routes.swap,
        deployment_routes.read_swap,
    ),
    Operation(
        "Get Swap Deployments Status", "GET", "projects/{project}/deployments/swap/jobs/{job}", status_of("swap")
    ),
    Operation(
        "Delete Deployment From Resources",
        "POST",
        "projects/{project}/deployments/{part}/:delete-from-resources",
        deployment_routes.delete_from_resources,
        deployment_routes.read_removal,
        versions=RESOURCES,
    ),
    Operation(
        "Get Delete Deployment From Resources Status",
        "GET",
        "projects/{project}/deployments/{part}/delete-from-resources/jobs/{job}",
        status_of("delete-from-resources"),
        versions=RESOURCES,
    ),
    Operation(
        "List Project Resources",
        "GET",
        "projects/{project}/resources",
        resource_routes.list_resources,
        versions=RESOURCES,
    ),
    Operation(
        "Assign Project Resources",
        "POST",
        "projects/{project}/resources/:assign",
        resource_routes.assign,
        resource_routes.read_assignment,
        versions=RESOURCES,
    ),
    Operation(
        "Get Assign Project Resources Status",
        "GET",
        "projects/{project}/resources/assign/jobs/{job}",
        status_of("assign"),
        versions=RESOURCES,
    ),
    Operation(
        "Unassign Project Resources",
        "POST",
        "projects/{project}/resources/:unassign",
        resource_routes.unassign,
        resource_routes.read_unassignment,
        versions=RESOURCES,
    ),
    Operation(
        "Get Unassign Project Resources Status",
        "GET",
        "projects/{project}/resources/unassign/jobs/{job}",
        status_of("unassign"),
        versions=RESOURCES,
    ),
    Operation(
        "List Assigned Resource Deployments",
        "GET",
        "projects/global/deployments/resources",
        resource_routes.list_placements,
        versions=RESOURCES,
    ),
    Operation(
        "Copy Project Authorization",
        "POST",
        "projects/{project}/:authorize-copy",
        copy_routes.authorize_copy,
        copy_routes.read_authorization,
        versions=COPY,
    ),
    Operation(
        "Copy Project",
        "POST",
        "projects/{project}/:copy",
        copy_routes.copy_project,
        copy_routes.read_copy,
        versions=COPY,
    ),
    Operation("Get Copy Project Status", "GET", "projects/{project}/copy/jobs/{job}", status_of("copy"), versions=COPY),
    Operation("List Supported Languages", "GET", "projects/global/languages", reference_lists.list_languages),
    Operation(
        "List Supported Prebuilt Entities",
        "GET",
        "projects/global/prebuilt-entities",
        reference_lists.list_prebuilt_entities,
    ),
    Operation(
        "List Training Config Versions",
        "GET",
        "projects/global/training-config-versions",
        reference_lists.list_training_config_versions,
    ),
    Operation(
        "Analyze Conversations",
        "POST",
        ":analyze-conversations",
        prediction_routes.predict,
        prediction_routes.read_task,
        versions=PREDICTION,
        root=RUNTIME,
    ),
)
