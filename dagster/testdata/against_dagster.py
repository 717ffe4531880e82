"""Replays tricks.json against a real dagster-webserver.

    python against_dagster.py http://127.0.0.1:3000

Each row says what Dagster runs when it gets the request as it stands ("runs",
and "runs_in_1.10" where that version differs).
Prints the rows where Dagster differs; exit status 1 if there are any. The
mutation used is setNuxSeen, which only notes that a hint was seen.
"""

import base64
import http.client
import json
import pathlib
import sys
import urllib.parse

HERE = pathlib.Path(__file__).parent


def ran(answer: bytes) -> str:
    try:
        data = json.loads(answer).get("data")
    except (ValueError, AttributeError):
        return ""
    if not isinstance(data, dict) or not data:
        return ""
    values = list(data.values())
    if any(isinstance(v, str) and v[:1].isdigit() for v in values):
        return "query"
    return "mutation" if True in values else ""


def send(host: str, row: dict) -> bytes:
    body = row.get("body", "").encode()
    if "body64" in row:
        body = base64.b64decode(row["body64"])
    conn = http.client.HTTPConnection(host, timeout=60)
    conn.putrequest(row["method"], row["target"], skip_accept_encoding=True)
    for name, value in row["headers"]:
        conn.putheader(name, value)
    if row["method"] in ("POST", "PUT"):
        conn.putheader("Content-Length", str(len(body)))
    conn.endheaders(body if row["method"] in ("POST", "PUT") else None)
    return conn.getresponse().read()


def version(host: str) -> str:
    row = {"method": "GET", "target": "/server_info", "headers": []}
    return json.loads(send(host, row))["dagster_webserver_version"]


def main() -> int:
    host = urllib.parse.urlsplit(sys.argv[1]).netloc
    wrong = 0
    older = version(host).startswith("1.10.")
    rows = json.loads((HERE / "tricks.json").read_text())
    for row in rows:
        got = ran(send(host, row))
        runs = row.get("runs_in_1.10", row["runs"]) if older else row["runs"]
        if got != runs:
            wrong += 1
            print(f"{row['name']}: runs {got!r}, the table says {runs!r}")
    print(f"{len(rows)} requests, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
