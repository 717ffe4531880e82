"""Holds our rewriting of GraphQL documents against graphql-core.

    python same_meaning.py rewrites.json

Each entry has a document ("query", "operationName") and what package dagster
wrote of it ("written"; null for a refusal, which is nobody's concern here). The
chosen operation and its fragments must be the same syntax tree in both, and
"written" must hold nothing else. Run it with the Python of a Dagster
environment. Exit status 1 if an entry differs.
"""

import json
import pathlib
import sys

from graphql import (
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    Visitor,
    ast_to_dict,
    parse,
    visit,
)


class Spreads(Visitor):
    def __init__(self):
        super().__init__()
        self.names = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_):
        self.names.append(node.name.value)


def selected(text: str, name):
    """The chosen operation and every fragment it reaches, as plain data."""
    document = parse(text)
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    if name is not None:
        operations = [d for d in operations if d.name and d.name.value == name]
    (operation,) = operations
    reached, queue = {}, [operation]
    while queue:
        spreads = Spreads()
        visit(queue.pop(), spreads)
        for spread in spreads.names:
            if spread not in reached:
                reached[spread] = fragments[spread]
                queue.append(fragments[spread])
    tree = {"operation": operation, **{f"fragment {n}": f for n, f in reached.items()}}
    return {k: plain(ast_to_dict(v)) for k, v in tree.items()}, len(document.definitions)


def plain(node):
    """Without what is not meaning: descriptions, whether a string was a block, and
    an alias that is the field's own name."""
    if isinstance(node, dict):
        if node.get("alias") == node.get("name"):
            node = {**node, "alias": None}
        return {k: plain(v) for k, v in node.items() if k not in ("description", "block", "loc")}
    if isinstance(node, list):
        return [plain(n) for n in node]
    return node


def main() -> int:
    entries = json.loads(pathlib.Path(sys.argv[1]).read_text())
    wrong = compared = 0
    for entry in entries:
        if entry.get("written") is None:
            continue
        compared += 1
        name = entry.get("operationName")
        try:
            meant, _ = selected(entry["query"], name)
        except Exception as problem:
            wrong += 1
            print(f"{entry.get('name')}: read by us, not by graphql-core: {problem}")
            continue
        wrote, definitions = selected(entry["written"], None)
        if meant != wrote or definitions != len(wrote):
            wrong += 1
            print(f"{entry.get('name')}: differs\n  {entry['query']!r}\n  {entry['written']!r}")
    print(f"{compared} documents, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
