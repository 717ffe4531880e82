"""Tells what stands in Dagster's own storage.

For every line on standard input one line of JSON on standard output: what ran
and what was changed is read through DagsterInstance, past the webserver and
past whatever stands in front of it. DAGSTER_HOME says which instance.
"""

import json
import sys

import dagster as dg
from dagster._core.events import DagsterEventType
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


def state(instance):
    return {
        "runs": runs(instance),
        "events": events(instance),
        "assets": sorted(key.to_user_string() for key in instance.all_asset_keys()),
        "backfills": {backfill.backfill_id: backfill.status.value for backfill in instance.get_backfills()},
        "instigators": {
            state.instigator_name: [state.status.value, str(getattr(state.instigator_data, "cursor", None))]
            for state in instance.all_instigator_state()
        },
        "partitions": sorted(instance.get_dynamic_partitions("customers")),
        "concurrency": sorted(instance.event_log_storage.get_concurrency_keys()),
        "paused": get_auto_materialize_paused(instance),
    }


with dg.DagsterInstance.get() as instance:
    for _line in sys.stdin:
        print(json.dumps(state(instance)), flush=True)
