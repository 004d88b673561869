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

OF_PLAN = {
    marked("draw"): marked(
        "one way that everything uncertain may come out; all choices share the same draws, so that none is better by "
        "luck"
    ),
    marked("P10, P50, P90"): marked(
        "of all draws one in ten is at most P10, half are at most P50, one in ten is above P90"
    ),
    marked("grade"): marked(
        "how far the worst axis goes beyond what was measured: up to once measured, 1.5 times supported, 3 times "
        "modelled, 10 times range only, beyond that or where nothing was measured unsupported"
    ),
    marked("nodes"): marked(
        "with spares, and enough left when a zone is lost; all cells together, at the busiest minute"
    ),
    marked("set by"): marked("the resource of a node that is used up first in most draws"),
    marked("headroom"): marked("the share of what a node can do that may be used"),
    marked("availability"): marked(
        "the share of time in which enough nodes are up, times what the provider promises of the other parts"
    ),
    marked("base nodes"): marked("nodes that are paid for at all hours; what more is needed is bought by the hour"),
    marked("pays above"): marked("a node that is needed in a larger share of hours is cheaper by subscription"),
    marked("regret"): marked("mean over draws of what a month costs above the best choice of that draw"),
    marked("a million messages"): marked(
        "cost of the month over its messages, each counted once however often it is sent"
    ),
    marked("month"): marked("730 hours"),
    marked("indicative"): marked("more than a fifth of the bill rests on prices of grade C or D"),
    marked("grade of a price"): marked(
        "A: the provider's, dated; B: the provider's example; C: of a third party; D: derived. Costs are drawn 0, 3, "
        "15 and 25 % to either side"
    ),
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
