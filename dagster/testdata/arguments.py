"""Writes what graphql-core makes of the arguments of mutations.

    python arguments.py arguments.json >new.json

Each entry has a mutation ("query", "variables"). "read" becomes the arguments
of each root field as Dagster's resolver would get them, defaults and variables
put in, or null if Dagster refuses the request or the field. A Go test compares them with how
package dagster judges the entry. Run it with the Python of a Dagster
environment.
"""

import json
import pathlib
import sys

from dagster_graphql.schema import create_schema
from graphql import GraphQLError, parse, validate
from graphql.execution import ExecutionContext
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import get_argument_values


def read(schema, entry):
    document = parse(entry["query"])
    if validate(schema, document):
        return None
    context = ExecutionContext.build(schema, document, raw_variable_values=entry.get("variables"))
    if isinstance(context, list):
        return None
    kind = schema.mutation_type
    fields = collect_fields(schema, context.fragments, context.variable_values, kind, context.operation.selection_set)
    return [
        {"field": nodes[0].name.value, "arguments": arguments(kind, nodes[0], context.variable_values)}
        for nodes in fields.values()
    ]


def arguments(kind, node, variables):
    if node.name.value not in kind.fields:
        return {}
    field = kind.fields[node.name.value]
    try:
        values = get_argument_values(field, node, variables)
    except GraphQLError:
        return None
    schema_names = {a.out_name or name: name for name, a in field.args.items()}
    return {schema_names[name]: value for name, value in values.items()}


def main():
    schema = create_schema().graphql_schema
    entries = json.loads(pathlib.Path(sys.argv[1]).read_text())
    for entry in entries:
        entry["read"] = read(schema, entry)
    print(json.dumps(entries, indent=1, default=lambda value: getattr(value, "name", str(value))))


if __name__ == "__main__":
    main()
