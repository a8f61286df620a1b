"""Exposes the consumed operations of a document that exposes nothing: each as a route and as a tool (dialect R23)."""

from __future__ import annotations

from fairlead.plan.findings import Findings
from fairlead.plan.safe_names import LONGEST_FOR_MODELS, safe_name
from fairlead.spec.model import Adapter, Document, ExposedOperation, ExposedResource, ExposedTool


def exposed_adapters(document: Document, findings: Findings) -> list[Adapter]:
    """The adapters of a document; without any, one of each kind for everything that it consumes."""
    if document.capability.exposes:
        return document.capability.exposes
    resources, tools = [], []
    for api in document.capability.consumes:
        for resource in api.resources:
            operations = []
            for operation in resource.operations:
                call = f"{api.namespace}.{operation.name}"
                operations.append(ExposedOperation(name=operation.name, method=operation.method, call=call))
                tools.append(ExposedTool(name=safe_name(operation.name, LONGEST_FOR_MODELS), call=call))
            path = f"/v1/{resource.path.partition('?')[0].strip('/').lower()}"
            resources.append(ExposedResource(path=path, operations=operations))
    if not tools:
        return []
    message = f"every operation is a route and a tool, {len(tools)} of them"
    findings.inferred(("capability",), "exposed-as-consumed", document.info.label or "the document", message)
    return [Adapter(type="rest", resources=resources), Adapter(type="mcp", tools=tools)]
