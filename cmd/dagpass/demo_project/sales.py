"""The sales team's code location: orders become revenue, every night.

All data is made up on the spot, so that nothing here needs a network.
"""

import random
import time

import dagster as dg

COUNTRIES = ["DE", "ES", "FR", "NL", "PL"]


@dg.asset(group_name="ingest", kinds={"python"}, owners=["team:sales"])
def raw_orders(context: dg.AssetExecutionContext) -> list[dict]:
    """Yesterday's orders, as the shop exported them."""
    orders = [
        {"id": n, "country": random.choice(COUNTRIES), "amount": round(random.gauss(60, 30), 2)}
        for n in range(500)
    ]
    context.add_output_metadata({"rows": len(orders)})
    return orders


@dg.asset(group_name="ingest", kinds={"python"}, owners=["team:sales"])
def customers(context: dg.AssetExecutionContext) -> dict[int, str]:
    """Who ordered, by order number."""
    names = {n: f"customer-{random.randrange(120):03d}" for n in range(500)}
    context.add_output_metadata({"rows": len(names)})
    return names


@dg.asset(group_name="reporting", kinds={"python"}, owners=["team:sales"])
def orders(
    context: dg.AssetExecutionContext, raw_orders: list[dict], customers: dict[int, str]
) -> list[dict]:
    """Orders with their customer; refunds, which are negative, are left out."""
    joined = [o | {"customer": customers[o["id"]]} for o in raw_orders if o["amount"] > 0]
    context.log.info("kept %d of %d orders", len(joined), len(raw_orders))
    context.add_output_metadata({"rows": len(joined)})
    return joined


@dg.asset(group_name="reporting", kinds={"python"}, owners=["team:sales"])
def daily_revenue(context: dg.AssetExecutionContext, orders: list[dict]) -> dict[str, float]:
    """Revenue by country."""
    revenue = {c: round(sum(o["amount"] for o in orders if o["country"] == c), 2) for c in COUNTRIES}
    table = "\n".join(["| country | revenue |", "|---|---|"] + [f"| {c} | {v} |" for c, v in revenue.items()])
    context.add_output_metadata({"revenue": dg.MetadataValue.md(table)})
    return revenue


@dg.asset_check(asset=orders)
def no_negative_amounts(orders: list[dict]) -> dg.AssetCheckResult:
    """A refund among the orders would be counted as revenue."""
    negative = sum(o["amount"] < 0 for o in orders)
    return dg.AssetCheckResult(passed=negative == 0, metadata={"negative": negative})


nightly_sales = dg.define_asset_job(
    "nightly_sales", selection=dg.AssetSelection.all(), description="Everything of sales, in order."
)


@dg.op
def close_one_day(context: dg.OpExecutionContext) -> int:
    """Takes about twenty seconds, and says how far it is."""
    for step in range(1, 21):
        time.sleep(1)
        context.log.info("reconciled ledger %d of 20", step)
    return 20


@dg.op
def publish_report(context: dg.OpExecutionContext, ledgers: int) -> None:
    print(f"report over {ledgers} ledgers published")
    context.log.info("published")


@dg.job(description="Slow on purpose: there is time to watch it, and to stop it.")
def close_of_day():
    publish_report(close_one_day())


defs = dg.Definitions(
    assets=[raw_orders, customers, orders, daily_revenue],
    asset_checks=[no_negative_amounts],
    jobs=[nightly_sales, close_of_day],
    schedules=[
        dg.ScheduleDefinition(job=nightly_sales, cron_schedule="0 2 * * *", execution_timezone="Europe/Berlin")
    ],
)
