"""The second code location, so that there is a place to be let into and another to be kept out of."""

import dagster as dg


@dg.asset
def campaigns() -> list[str]:
    return ["spring", "autumn"]


@dg.op
def mail(context: dg.OpExecutionContext) -> None:
    context.log.info("sent")


@dg.job
def mailing() -> None:
    mail()


defs = dg.Definitions(assets=[campaigns], jobs=[mailing])
