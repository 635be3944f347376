"""Problems as RFC 9457 writes them."""

from __future__ import annotations

from controlplane.api.shapes.base import TEXT, Shape, record, several

FIELD_ERROR = Shape(
    "FieldError",
    record(
        {
            "field": {
                "type": "string",
                "description": "Dotted path, as `parameters.autoScalerMin`, or the name of a header.",
            },
            "code": TEXT,
            "detail": TEXT,
        }
    ),
)
PROBLEM = Shape(
    "Problem",
    record(
        {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": "integer"},
            "code": {"type": "string", "description": "Stable: programs branch on it."},
            "detail": {"type": "string", "description": "A sentence that says what to do."},
            "request_id": {"type": "string", "description": "Name it when you ask for help."},
            "errors": several(FIELD_ERROR),
        },
        optional=("errors",),
    ),
    example={
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "code": "not_one_of",
        "detail": 'parameters.region can\'t be "eu-centre-1". Did you mean eu-central-1?',
        "request_id": "019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41",
        "errors": [
            {
                "field": "parameters.region",
                "code": "not_one_of",
                "detail": 'parameters.region can\'t be "eu-centre-1". Did you mean eu-central-1?',
            }
        ],
    },
)
