"""The first code location: assets, a partitioned asset, jobs, a schedule, a sensor."""

import time

import dagster as dg
from evaluated import note


@dg.asset
def orders(context: dg.AssetExecutionContext) -> list[int]:
    print("orders says hello on standard output")
    context.log.info("three orders")
    return [1, 2, 3]


@dg.asset
def revenue(orders: list[int]) -> int:
    return sum(orders)


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["north", "south"]))
def regions(context: dg.AssetExecutionContext) -> str:
    return context.partition_key


class Pace(dg.Config):
    lines: int = 3
    pause: float = 0.0


@dg.op
def count(context: dg.OpExecutionContext, config: Pace) -> None:
    for line in range(1, config.lines + 1):
        context.log.info(f"line {line} of {config.lines}")
        print(f"printed line {line}")
        time.sleep(config.pause)


@dg.job
def counting() -> None:
    count()


@dg.job(partitions_def=dg.StaticPartitionsDefinition(["morning", "evening"]))
def stocktaking() -> None:
    count()


@dg.schedule(job=counting, cron_schedule="0 3 * * *")
def nightly(_context):
    note("nightly")
    return dg.RunRequest()


@dg.sensor(job=counting)
def watcher(_context):
    note("watcher")
    return dg.SkipReason("nothing to do")


@dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="customers"))
def customers(context: dg.AssetExecutionContext) -> str:
    return context.partition_key


@dg.asset
def calendar() -> list[str]:
    return ["open"]


@dg.asset_check(asset=orders)
def orders_are_plenty() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


defs = dg.Definitions(
    assets=[orders, revenue, regions, customers, calendar],
    asset_checks=[orders_are_plenty],
    jobs=[counting, stocktaking],
    schedules=[nightly],
    sensors=[watcher],
)
