"""Tells what Dagster's webserver would run of a request, without running it.

The request is given to Dagster's own GraphQLServer, as an ASGI server would give it, with Dagster's
own schema. In the place of every root field stands a note of its name and of the arguments as
graphql-core understood them. Two readings are given: "strict" as Dagster is, and where that runs
nothing "lenient", without the validation of documents, in which more runs.

Frames on standard input and output: four bytes of length, big-endian, and as much JSON. The first
answer comes unasked: the mutations of the schema and what they take.
"""

import asyncio
import base64
import contextlib
import json
import struct
import sys

import graphql
from dagster_graphql.schema import create_schema
from dagster_webserver.graphql import GraphQLServer
from starlette.routing import Route, WebSocketRoute

ran = []


def note(info, arguments):
    operation = info.operation
    ran.append(
        {
            "kind": operation.operation.value,
            "operation": operation.name.value if operation.name else "",
            "name": info.field_name,
            "key": info.path.key,
            "arguments": arguments,
        }
    )


def middleware(_resolve, _root, info, **arguments):
    assert info.path.prev is None, "nothing below a root field is reached"
    note(info, arguments)


async def nothing(_root, info, **arguments):
    note(info, arguments)
    for _ in ():
        yield


def schema():
    """Dagster's, with root fields that may be null, so that none of them stops the next."""
    made = create_schema()
    types = made.graphql_schema
    for fields in (types.query_type.fields, types.mutation_type.fields, types.subscription_type.fields):
        for field in fields.values():
            field.type = graphql.get_nullable_type(field.type)
    for field in types.subscription_type.fields.values():
        field.subscribe = nothing
    return made


class Server(GraphQLServer):
    def __init__(self, rules):
        self.rules = rules
        super().__init__()

    def build_graphql_schema(self):
        return schema()

    def build_graphql_middleware(self):
        return [middleware]

    def build_graphql_validation_rules(self):
        return self.rules

    def build_middleware(self):
        return []

    def build_routes(self):
        return [
            Route("/graphql", self.graphql_http_endpoint, methods=["GET", "POST"]),
            WebSocketRoute("/graphql", self.graphql_ws_endpoint),
        ]

    def _make_request_context(self, conn):
        return contextlib.nullcontext()

    make_request_context = _make_request_context  # its name in older versions

    async def execute_graphql_request(self, request, query, variables, operation_name):
        # Dagster does this in a thread of its own, which costs more than the rest.
        return await self.gen_graphql_response(None, query, variables, operation_name)


def scope(request, kind):
    headers = [(b"content-type", value.encode("latin-1")) for value in request.get("content_type") or []]
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.get("method", "GET"),
        "scheme": kind,
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": base64.b64decode(request.get("query") or ""),
        "headers": headers,
        "subprotocols": [],
    }


def messages(request):
    if "socket" not in request:
        yield {"type": "http.request", "body": base64.b64decode(request.get("body") or ""), "more_body": False}
    else:
        yield {"type": "websocket.connect"}
        text = base64.b64decode(request["socket"]).decode()
        yield {"type": "websocket.receive", "text": text}
    while True:
        yield {"type": "websocket.disconnect", "code": 1000} if "socket" in request else {"type": "http.disconnect"}


async def read(app, request):
    """What runs, and the trouble that a server would answer with 500."""
    ran.clear()
    incoming = messages(request)

    async def receive():
        if beside := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(beside)  # a subscription has its own task
        return next(incoming)

    async def send(_message):
        pass

    try:
        await app(scope(request, "websocket" if "socket" in request else "http"), receive, send)
    except Exception as error:  # whatever it is, it is in the answer
        return {"ran": list(ran), "trouble": type(error).__name__}
    return {"ran": list(ran)}


def described(kind):
    if graphql.is_non_null_type(kind):
        return {"required": True, **described(kind.of_type)}
    if graphql.is_list_type(kind):
        return {"list": described(kind.of_type)}
    if graphql.is_input_object_type(kind):
        return {"input": kind.name}
    if graphql.is_enum_type(kind):
        return {"scalar": kind.name, "values": list(kind.values)}
    return {"scalar": kind.name}


def catalog(types):
    def inputs(members):
        return {name: described(member.type) for name, member in members.items()}

    return {
        "mutations": {
            name: {"leaf": graphql.is_leaf_type(field.type), "arguments": inputs(field.args)}
            for name, field in types.mutation_type.fields.items()
        },
        "inputs": {
            name: inputs(kind.fields) for name, kind in types.type_map.items() if graphql.is_input_object_type(kind)
        },
    }


def write(value):
    content = json.dumps(value, default=repr).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(content)) + content)
    sys.stdout.buffer.flush()


async def main():
    apps = {"strict": Server(graphql.specified_rules).create_asgi_app()}
    if "build_graphql_validation_rules" in vars(GraphQLServer):
        apps["lenient"] = Server([]).create_asgi_app()
    write(catalog(schema().graphql_schema))
    while header := sys.stdin.buffer.read(4):
        request = json.loads(sys.stdin.buffer.read(struct.unpack(">I", header)[0]))
        answer = {}
        for name, app in apps.items():
            if not any(reading["ran"] for reading in answer.values()):
                answer[name] = await read(app, request)
        write(answer)


asyncio.run(main())
