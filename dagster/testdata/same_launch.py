"""Holds what we write of launches against Dagster's own schema.

    python same_launch.py launches.json outcomes.json

Each entry of launches.json is a request ("query", "operationName", "variables")
and what package dagster wrote of it for ada@example.com ("written"; null for a
refusal). Both are validated and their arguments coerced by graphql-core with the
schema of the Dagster that this Python has. What was written must be valid where
the request is; each launch must carry the tag "user" once, first, and with that
label; but for that tag, and for selections whose key begins with dagpass_, both
must mean the same. What we refuse Dagster must refuse too, and what it refuses it
must still refuse as we wrote it.

outcomes.json names the types that each mutation of the newest Dagster may
answer with. Exit status 1 if anything differs.
"""

import json
import pathlib
import sys

from dagster_graphql.schema import create_schema
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    Visitor,
    ast_to_dict,
    get_named_type,
    is_abstract_type,
    parse,
    validate,
    visit,
)
from graphql.execution.values import get_argument_values, get_variable_values

LABEL = "ada@example.com"
SCHEMA = create_schema().graphql_schema
EXECUTION = ("executionMetadata", "tags")
WAYS = {
    "launchRun": {"executionParams": EXECUTION},
    "launchPipelineExecution": {"executionParams": EXECUTION},
    "launchMultipleRuns": {"executionParamsList": EXECUTION},
    "launchRunReexecution": {"executionParams": EXECUTION, "reexecutionParams": ("extraTags",)},
    "launchPipelineReexecution": {"executionParams": EXECUTION, "reexecutionParams": ("extraTags",)},
    "reexecutePartitionBackfill": {"reexecutionParams": ("extraTags",)},
    "launchPartitionBackfill": {"backfillParams": ("tags",)},
}


class Refused(Exception):
    pass


def read(request):
    """The root fields with their arguments, and the document without arguments."""
    document = parse(request["query"])
    if problems := validate(SCHEMA, document):
        raise Refused(problems[0].message)
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    name = request.get("operationName")
    (operation,) = [o for o in operations if name is None or o.name and o.name.value == name]
    values = get_variable_values(SCHEMA, operation.variable_definitions or (), request.get("variables") or {})
    if isinstance(values, list):
        raise Refused(values[0].message)
    fields = list(roots(operation.selection_set, fragments, set()))
    arguments = []
    for node in fields:
        if not node.name.value.startswith("__"):
            try:
                known = SCHEMA.mutation_type.fields[node.name.value]
                arguments.append((node.name.value, plain(get_argument_values(known, node, values))))
            except GraphQLError as problem:
                raise Refused(problem.message) from problem
    reached = reach(operation, fragments)
    shape = {k: meaning(ast_to_dict(visit(v, Ours()))) for k, v in reached.items()}
    return arguments, shape


def roots(selections, fragments, spread):
    for node in selections.selections:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, FragmentSpreadNode):
            if node.name.value not in spread:
                spread.add(node.name.value)
                yield from roots(fragments[node.name.value].selection_set, fragments, spread)
        else:
            yield from roots(node.selection_set, fragments, spread)


def reach(operation, fragments):
    reached, queue = {"": operation}, [operation]

    class Spreads(Visitor):
        def enter_fragment_spread(self, node, *_):
            if node.name.value not in reached:
                reached[node.name.value] = fragments[node.name.value]
                queue.append(fragments[node.name.value])

    while queue:
        visit(queue.pop(), Spreads())
    return reached


class Ours(Visitor):
    """Takes out what we ask for, and arguments and variables, which are compared
    by their values."""

    def enter_field(self, node, *_):
        if node.alias and node.alias.value.startswith("dagpass_"):
            return self.REMOVE

    def leave_inline_fragment(self, node, *_):
        if not node.selection_set.selections:
            return self.REMOVE

    def enter_argument(self, *_):
        return self.REMOVE

    def enter_variable_definition(self, *_):
        return self.REMOVE


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def meaning(node):
    if isinstance(node, dict):
        if node.get("alias") == node.get("name"):
            node = {**node, "alias": None}
        return {k: meaning(v) for k, v in node.items() if k not in ("description", "block", "loc")}
    if isinstance(node, list):
        return [meaning(n) for n in node]
    return node


def is_user(tag):
    return tag["key"].strip().casefold() == "user"


def untagged(arguments):
    """The arguments without any tag user, and without the list and the object
    that may have been made for it."""
    for field, values in arguments:
        for name, way in WAYS.get(field, {}).items():
            for launch in launches(values.get(name)):
                if tags := [t for t in tags_of(launch, way) if not is_user(t)]:
                    holder(launch, way)[way[-1]] = tags
                    continue
                (holder(launch, way) or {}).pop(way[-1], None)
                if len(way) > 1 and not launch.get(way[0]):
                    launch.pop(way[0], None)
    return arguments


def launches(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def holder(launch, way):
    return launch if len(way) == 1 else launch.get(way[0])


def tags_of(launch, way):
    return (holder(launch, way) or {}).get(way[-1]) or []


def unmarked(arguments):
    """The launches that do not carry our tag once and first."""
    for field, values in arguments:
        for name, way in WAYS.get(field, {}).items():
            for launch in launches(values.get(name)):
                tags = tags_of(launch, way)
                if not tags or tags[0] != {"key": "user", "value": LABEL} or any(map(is_user, tags[1:])):
                    yield f"{field}({name}) carries {tags}"


def attempt(request):
    try:
        return (read(request), None) if request else (None, "refused by us")
    except Refused as refusal:
        return None, refusal


def compare(entry):
    request, refusal = attempt(entry)
    written, refusal_of_ours = attempt(entry["written"])
    if not request or not written:
        if request or written:
            return f"Dagster refuses one of the two: {refusal or refusal_of_ours}"
        return None
    (meant, shape), (wrote, written_shape) = request, written
    if problems := list(unmarked(wrote)):
        return problems[0]
    if shape != written_shape:
        return "the selections differ"
    if (meant := untagged(meant)) != (wrote := untagged(wrote)):
        return f"the arguments differ\n  {meant}\n  {wrote}"
    return None


def members(field):
    kind = get_named_type(field.type)
    return sorted(t.name for t in SCHEMA.get_possible_types(kind)) if is_abstract_type(kind) else [kind.name]


def main() -> int:
    wrong = 0
    entries = json.loads(pathlib.Path(sys.argv[1]).read_text())
    for entry in entries:
        if problem := compare(entry):
            wrong += 1
            print(f"{entry['name']}: {problem}")
    known = json.loads(pathlib.Path(sys.argv[2]).read_text())
    for name, field in SCHEMA.mutation_type.fields.items():
        if unknown := [t for t in members(field) if t not in known.get(name, [])]:
            wrong += 1
            print(f"{name} may answer {unknown}, which outcomes.json does not name")
    print(f"{len(entries)} requests, {len(SCHEMA.mutation_type.fields)} mutations, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
