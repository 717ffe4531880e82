"""Tells what stands in Dagster's own storage, and puts into it what tests need.

For every line on standard input one line of JSON on standard output: what ran
and what was changed is read through DagsterInstance, past the webserver and
past whatever stands in front of it. DAGSTER_HOME says which instance.

    state                  what stands there
    claim KEY RUN          a step of the run takes a slot of the concurrency key
    backfill ID STATUS     the backfill comes to this status
"""

import collections
import json
import os
import pathlib
import sys

import dagster as dg
from dagster._core.events import DagsterEventType
from dagster._core.execution.backfill import BulkActionStatus
from dagster._daemon.asset_daemon import get_auto_materialize_paused


def runs(instance):
    return [
        {
            "id": record.dagster_run.run_id,
            "job": record.dagster_run.job_name,
            "status": record.dagster_run.status.value,
            "tags": dict(record.dagster_run.tags),
        }
        for record in instance.get_run_records()
    ]


def events(instance):
    """How many events of each kind that a report or a run can leave on assets."""
    kinds = [
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_OBSERVATION,
        DagsterEventType.ASSET_CHECK_EVALUATION,
    ]
    storage = instance.event_log_storage
    return {kind.value: len(storage.get_event_records(dg.EventRecordsFilter(event_type=kind))) for kind in kinds}


def evaluated():
    """How often code of a user's ran that leaves no trace elsewhere (evaluated.py)."""
    notes = pathlib.Path(os.environ["DAGSTER_HOME"]) / "evaluated.txt"
    return collections.Counter(notes.read_text().splitlines() if notes.exists() else [])


def concurrency(instance):
    """The limits, and who has a slot, as words."""
    storage = instance.event_log_storage
    infos = [storage.get_concurrency_info(key) for key in sorted(storage.get_concurrency_keys())]
    return [f"{i.concurrency_key}: {i.slot_count} {sorted(s.run_id for s in i.claimed_slots)}" for i in infos]


def backfills(instance):
    return {
        backfill.backfill_id: {"status": backfill.status.value, "tags": dict(backfill.tags)}
        for backfill in instance.get_backfills()
    }


def state(instance):
    return {
        "runs": runs(instance),
        "events": events(instance),
        "assets": sorted(key.to_user_string() for key in instance.all_asset_keys()),
        "backfills": backfills(instance),
        "instigators": {
            state.instigator_name: [state.status.value, str(getattr(state.instigator_data, "cursor", None))]
            for state in instance.all_instigator_state()
        },
        "partitions": sorted(key for name in ("customers", "segments") for key in instance.get_dynamic_partitions(name)),
        "concurrency": concurrency(instance),
        "paused": get_auto_materialize_paused(instance),
        "evaluated": evaluated(),
    }


def claim(instance, key, run):
    return instance.event_log_storage.claim_concurrency_slot(key, run, "count").is_claimed


def backfill(instance, name, status):
    instance.update_backfill(instance.get_backfill(name).with_status(BulkActionStatus[status]))


commands = {"state": state, "claim": claim, "backfill": backfill}

with dg.DagsterInstance.get() as instance:
    for line in sys.stdin:
        command, *arguments = line.split()
        print(json.dumps(commands[command](instance, *arguments)), flush=True)
