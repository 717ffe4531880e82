"""Holds our hidden selections against Dagster's own schema.

    python still_valid.py trimmed.json

Each entry has a document ("query") and what package dagster sends instead where
the answer is to be trimmed: "all" for people whose permissions hold
deployment-wide, "scoped" for those to whom the code location matters. Neither
may have a problem that the document itself has not. Run it with the Python of a
Dagster environment; the documents may be of another version's app. Exit status
1 if an entry differs.
"""

import json
import pathlib
import sys

from dagster_graphql.schema import create_schema
from graphql import parse, validate


def main() -> int:
    schema = create_schema().graphql_schema
    wrong = compared = 0

    def problems(text: str):
        return sorted({e.message for e in validate(schema, parse(text), max_errors=1000)})

    for entry in json.loads(pathlib.Path(sys.argv[1]).read_text()):
        before = problems(entry["query"])
        for form in ("all", "scoped"):
            compared += 1
            after = problems(entry[form])
            if before != after:
                wrong += 1
                print(f"{entry['name']}, {form}: {sorted(set(after) - set(before))}")
    print(f"{compared} documents, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
