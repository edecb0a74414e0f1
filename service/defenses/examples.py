"""The bodies that ``POST /v1/defenses`` takes, for the OpenAPI document; a test sends each."""

from __future__ import annotations

from typing import Any

_DESCRIPTION: dict[str, Any] = {
    "architecture": {"name": "preact_resnet18", "width": 32, "num_classes": 3},
    "input": {
        "channels": 3,
        "height": 32,
        "width": 32,
        "mean": [0.4914, 0.4822, 0.4465],
        "std": [0.247, 0.243, 0.261],
    },
    "classes": ["airplane", "automobile", "bird"],
}
_UPLOAD = "upl_01kpgs5m3w8x7v6t5r4q3p2n1m"

JSON_EXAMPLES: dict[str, Any] = {
    "by upload": {
        "summary": "a model and clean images that were uploaded",
        "value": {
            "model": {"upload": _UPLOAD},
            "clean": {"upload": _UPLOAD},
            "description": _DESCRIPTION,
        },
    },
    "measured": {
        "summary": "with images to measure on, and settings",
        "value": {
            "name": "bird watcher",
            "model": {"upload": _UPLOAD},
            "clean": {"uri": "s3://clean-data/birds.npz"},
            "test": {"upload": _UPLOAD},
            "triggered": {"upload": _UPLOAD},
            "target_class": "airplane",
            "attack_tests": ["reactivation", "retuning"],
            "description": _DESCRIPTION,
            "config": {"steps": 40, "seed": 7},
        },
    },
}

_FILE = {"type": "string", "format": "binary"}
_FORM = {
    "type": "object",
    "description": "files, and the JSON beside them; a file wins no conflict with the request:"
    " naming a role twice is an error",
    "properties": {
        "model": _FILE | {"description": "the suspect model's file"},
        "clean": _FILE | {"description": "images to repair it with"},
        "test": _FILE | {"description": "images to measure on only"},
        "triggered": _FILE | {"description": "images to measure the attack's success on"},
        "description": {"$ref": "#/components/schemas/ModelDescription"},
        "request": {"$ref": "#/components/schemas/DefenseRequest"},
    },
}

REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/DefenseRequest"},
            "examples": JSON_EXAMPLES,
        },
        "multipart/form-data": {
            "schema": _FORM,
            "encoding": {
                "description": {"contentType": "application/json"},
                "request": {"contentType": "application/json"},
            },
        },
    },
}
