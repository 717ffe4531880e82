"""The second code location, so that there is a place to be let into and another to be kept out of.

It has one of everything that the first has. Its asset "calendar" is the first's too, and "reach"
is made of the first's orders.
"""

import time

import dagster as dg
from evaluated import note


@dg.asset
def campaigns() -> list[str]:
    return ["spring", "autumn"]


@dg.asset(deps=["orders"])
def reach() -> int:
    return 3


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["young", "old"]))
def audiences(context: dg.AssetExecutionContext) -> str:
    return context.partition_key


@dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="segments"))
def segments(context: dg.AssetExecutionContext) -> str:
    return context.partition_key


@dg.asset
def calendar() -> list[str]:
    return ["fair"]


@dg.asset_check(asset=campaigns)
def campaigns_are_few() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


class Pace(dg.Config):
    pause: float = 0.0


@dg.op
def mail(context: dg.OpExecutionContext, config: Pace) -> None:
    time.sleep(config.pause)
    context.log.info("sent")


@dg.job
def mailing() -> None:
    mail()


@dg.job(partitions_def=dg.StaticPartitionsDefinition(["north", "south"]))
def greeting() -> None:
    mail()


@dg.schedule(job=mailing, cron_schedule="0 4 * * *")
def weekly(_context):
    note("weekly")
    return dg.RunRequest()


@dg.sensor(job=mailing)
def openings(_context):
    note("openings")
    return dg.SkipReason("nobody opened")


defs = dg.Definitions(
    assets=[campaigns, reach, audiences, segments, calendar],
    asset_checks=[campaigns_are_few],
    jobs=[mailing, greeting],
    schedules=[weekly],
    sensors=[openings],
)
