"""The weather team's code location: a reading a day, and a forecast of them.

A file dropped into the folder `inbox` beside this one makes the sensor start
a run.
"""

import random
from pathlib import Path

import dagster as dg

INBOX = Path(__file__).parent / "inbox"
STATIONS = ["Hamburg", "Leipzig", "Munich"]

days = dg.DailyPartitionsDefinition(start_date="2026-01-01")


@dg.asset(partitions_def=days, group_name="stations", kinds={"python"}, owners=["team:weather"])
def readings(context: dg.AssetExecutionContext) -> dict[str, float]:
    """The temperature of each station on one day, in degrees Celsius."""
    rng = random.Random(context.partition_key)
    measured = {s: round(rng.uniform(-5, 30), 1) for s in STATIONS}
    context.add_output_metadata({"warmest": max(measured, key=measured.__getitem__)})
    return measured


@dg.asset(deps=[readings], group_name="forecast", kinds={"python"}, owners=["team:weather"])
def forecast(context: dg.AssetExecutionContext) -> dict[str, float]:
    """Tomorrow, as well as anybody can know it."""
    tomorrow = {s: round(random.uniform(-5, 30), 1) for s in STATIONS}
    context.log.info("tomorrow: %s", tomorrow)
    return tomorrow


refresh_forecast = dg.define_asset_job(
    "refresh_forecast", selection=[forecast], description="The forecast alone."
)


@dg.sensor(job=refresh_forecast, minimum_interval_seconds=10)
def new_reports():
    """One run for each file in the inbox, and never a second one."""
    files = sorted(p.name for p in INBOX.iterdir()) if INBOX.is_dir() else []
    if not files:
        return dg.SkipReason(f"nothing in {INBOX}")
    return [dg.RunRequest(run_key=name, tags={"report": name}) for name in files]


defs = dg.Definitions(
    assets=[readings, forecast],
    jobs=[refresh_forecast],
    schedules=[
        dg.ScheduleDefinition(
            name="hourly_forecast", job=refresh_forecast, cron_schedule="0 * * * *", execution_timezone="UTC"
        )
    ],
    sensors=[new_reports],
)
