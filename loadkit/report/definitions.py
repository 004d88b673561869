"""What every number of a report means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.report.blocks import Facts, Fold, Section
from loadkit.report.words import marked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadkit.report.words import Words

OF_RUN = {
    marked("offered"): marked(
        "messages whose intended time came: what the schedule asked for, whatever became of them"
    ),
    marked("started"): marked("messages that a free session took"),
    marked("completed"): marked("messages that ended, by a final reply or a failure"),
    marked("accepted"): marked("messages that the target took by a reply that begins with 2"),
    marked("delivered"): marked("different messages that arrived at the sink behind the target"),
    marked("shed"): marked("messages given up because no session became free and the queue was full"),
    marked("response time"): marked(
        "from the intended time of a message to its end: what a client would have waited, stalls included"
    ),
    marked("service time"): marked("from the first byte of a message's transaction to its end: the server's own time"),
    marked("wait for a session"): marked("from the release of a message to the first byte of its transaction"),
    marked("percentile"): marked(
        "p99 is the smallest value that at least 99 % of the values do not exceed (nearest rank), to three digits; "
        "where the sample is too small to bound it with 95 % confidence, none is given"
    ),
    marked("measured stages"): marked(
        "stages that are not warm-up: rates, percentiles and thresholds are about them alone"
    ),
    marked("backlog"): marked("messages that were accepted and had not been delivered yet"),
    marked("lost"): marked("accepted, and not delivered when the wait for it was over"),
    marked("duplicated"): marked("deliveries beyond the first of a message"),
    marked("schedule lag"): marked("how late the load generator itself released messages"),
    marked("valid"): marked(
        "the load generator did what it was told, so that what is slow or refused is the target's: enough of the "
        "schedule was sent, on time, with processor to spare"
    ),
}

OF_LADDER = {
    marked("trial"): marked("a short run at one rate"),
    marked("bad message"): marked("a message that failed, or took longer than the goal allows"),
    marked("lower bound"): marked("the largest rate below the upper bound that surely meets the goal"),
    marked("upper bound"): marked("the smallest rate that surely does not"),
    marked("undecided"): marked("a rate of which its trials did not tell within the looks they had"),
    marked("void"): marked("a trial that the load generator could not drive: no evidence for or against the target"),
    marked("capacity C"): marked("the rate at which response times grow without end by the fitted curve"),
    marked("N_max"): marked("the concurrency with the most throughput by the fitted curve"),
    marked("band"): marked("where the curve is, with the confidence that is named beside it"),
    marked("service demand"): marked("what each message takes of a resource of the target"),
}


def definitions(name: str, terms: Mapping[str, str], t: Words) -> Section:
    """A section of terms.

    Args:
        name: The section's id.
        terms: Marked terms and what they mean.
        t: The language.
    """
    listed = Facts(tuple((t(term), t(meaning)) for term, meaning in terms.items()), wide=True)
    return Section(name, t("What the numbers mean"), (Fold(t("Definitions"), (listed,)),))
