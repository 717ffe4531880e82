"""Prints the mutations of a running Dagster with their arguments, as JSON.

    python mutations.py http://127.0.0.1:3000 >mutations-1.13.json

What is new against the file of the version that was classified has to be
looked at: see "To check another version" in docs/dagster.md.
"""

import json
import sys
import urllib.request

QUERY = """{__schema{mutationType{fields(includeDeprecated:true){name args{name
  type{kind name ofType{kind name ofType{kind name ofType{kind name}}}}}}}}}"""


def spelled(kind):
    if kind["kind"] == "NON_NULL":
        return spelled(kind["ofType"]) + "!"
    if kind["kind"] == "LIST":
        return "[" + spelled(kind["ofType"]) + "]"
    return kind["name"]


request = urllib.request.Request(
    sys.argv[1].rstrip("/") + "/graphql",
    data=json.dumps({"query": QUERY}).encode(),
    headers={"Content-Type": "application/json"},
)
fields = json.load(urllib.request.urlopen(request))["data"]["__schema"]["mutationType"]["fields"]
table = {field["name"]: {a["name"]: spelled(a["type"]) for a in field["args"]} for field in fields}
print(json.dumps(table, indent=1, sort_keys=True))
