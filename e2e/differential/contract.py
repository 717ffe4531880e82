"""Prints, as JSON, what Dagpass takes for granted of the Dagster in whose environment this runs.

    routes       every route of the webserver: its path, its methods, and whose code answers
    carriers     the mutations whose type has UnauthorizedError
    permissions  the permissions that Dagster asks for
    booleans     the fields that tell whether somebody may, as Type.field
"""

import json
import re

import graphql
from dagster._core.workspace.permissions import Permissions
from dagster_graphql.schema import create_schema
from dagster_webserver.webserver import DagsterWebserver
from starlette.routing import Mount, WebSocketRoute


class Routes(DagsterWebserver):
    def __init__(self):
        self._app_path_prefix = ""


def described(route):
    if isinstance(route, Mount):
        return {"path": route.path, "methods": ["GET"], "endpoint": "static"}
    name = getattr(route.endpoint, "__name__", "static")
    if isinstance(route, WebSocketRoute):
        return {"path": route.path, "methods": [], "endpoint": name}
    return {"path": route.path, "methods": sorted(route.methods), "endpoint": "static" if name == "<lambda>" else name}


def carriers(types):
    def members(kind):
        return [member.name for member in getattr(graphql.get_named_type(kind), "types", [])]

    return sorted(name for name, field in types.mutation_type.fields.items() if "UnauthorizedError" in members(field.type))


def booleans(types):
    return sorted(
        f"{kind.name}.{name}"
        for kind in types.type_map.values()
        if isinstance(kind, graphql.GraphQLObjectType)
        for name in kind.fields
        if re.fullmatch("(has|can)[A-Z].*", name) and "Permission" in name
    )


types = create_schema().graphql_schema
print(
    json.dumps(
        {
            "routes": [described(route) for route in Routes().build_routes()],
            "mutations": sorted(types.mutation_type.fields),
            "carriers": carriers(types),
            "permissions": sorted(permission.value for permission in Permissions),
            "booleans": booleans(types),
        }
    )
)
