"""The sentences of the planner, as it makes them, for pages in other languages."""

from __future__ import annotations

from loadkit.report.retelling import retell
from loadkit.report.words import Words, marked

SENTENCES = (
    marked("measure a ladder on {type}"),
    marked("say what was measured, or measure a ladder on the type that is bought"),
    marked("run closed loops of {sessions} sessions"),
    marked("make a trial at a rate, which tells how long a message takes"),
    marked("drive {nodes} nodes at once behind one load balancer"),
    marked("drive {modelled}/s for a modelled answer, {supported}/s for a supported one"),
    marked("drive {cells} cells at once, through what routes between them"),
    marked("find the rate that meets an objective: loadkit capacity, from {rate}/s on"),
    marked("narrow the search between {low}/s and {high}/s"),
    marked("search above {low}/s for the rate that misses {goal}"),
    marked("drive rates near {rate}/s: loadkit capacity finds the limit itself"),
    marked("drive rates near {rate}/s: closed loops tell throughput, not at which latency"),
    marked("{reached} is expected; nothing is promised"),
    marked("{reached} is expected, {promised} is promised"),
    marked(
        "{reached} is expected, {promised} is promised; it can't be backed by the provider's promises alone, for "
        "{parts} parts in series give {ceiling}"
    ),
    marked("{reached} is expected, {promised} is promised; what the provider promises is not in the catalogue"),
    marked(
        "{reached} is expected, {promised} is promised, whatever spares are added: nodes alone reach {nodes}, for some "
        "of them fail together"
    ),
    marked(
        "costs {more} more than {best} on average, is the cheapest in {chance} of draws; {resource} sets its {low} to "
        "{high} nodes"
    ),
    marked("might cost {less} less than {best} on average, which is guesswork until a ladder on {type} is measured"),
    marked("of {type}, {what}"),
    marked("its {resource} gives out first: {share} of it are used at {rate}/s"),
    marked(
        "its {resource} gives out first: {share} of it are used at {rate}/s, with the load generator on the same "
        "machine"
    ),
    marked("{count} recipients a message are billed"),
    marked("messages are billed"),
    marked("{type} has no price in this catalogue: loadkit catalog import reads price lists"),
    marked("it takes {most}/s unless its limit is raised, of {wanted}/s"),
    marked("from {measured} virtual CPUs to {bought} by their number to the power {exponent}"),
    marked(
        "from {measured} virtual CPUs to {bought} by their number to the power {exponent}, and {factor} times that for "
        "another family"
    ),
    marked("the measured machine is not known: taken for {cpus} virtual CPUs, each {factor} times as fast when bought"),
    marked("{type} has no {price} price in this catalogue"),
    marked("{type} has no spot factor in this catalogue"),
    marked("no spot servers, nothing to be reclaimed"),
    marked(
        "up to {count} spot servers, {share} of the fleet in its busiest hour, can be reclaimed at minutes' notice and "
        "all at once; their price floats"
    ),
    marked("capacity of {type}: {basis}"),
    marked("time for a message: {basis}"),
    marked("the median response time at {rate}/s"),
    marked("no trial at a rate: Little's law at {sessions} sessions, {rate}/s"),
    marked("{goal} is met at {low}/s and missed at {high}/s, from {trials} trials"),
    marked("at least {low}/s meets {goal}; no rate was found that does not"),
    marked("it kept up with {rate}/s, the highest rate of the trials"),
    marked(
        "it kept up with {rate}/s, and the curve of its trials ends at {top}/s; no objective was set, so that latency "
        "may be any"
    ),
    marked("{goal} holds up to {rate}/s by the curve of latency, and {driven}/s was driven"),
    marked(
        "closed loops alone: taken as capacity is their throughput, with whatever latency that has; its curve ends at "
        "{rate}/s"
    ),
    marked(
        "closed loops alone: taken as capacity is their throughput, with whatever latency that has; {rate}/s was the "
        "most"
    ),
    marked("no scenario: the rate is held at all hours"),
    marked("{scenario} has no calendar: every hour is taken to be as busy as the whole of it"),
    marked("no scenario says how large messages are: 10 to 90 KiB are assumed"),
    marked("the provider's availability is {source}"),
    marked("the price of {type} is doubted: {why}"),
    marked("the bandwidth of {unknown} of {all} types is not in the catalogue: it limits nothing here"),
    marked("cpu"),
    marked("network"),
    marked("disk"),
    marked("connections"),
)
"""As the planner makes them; resources stand in some of them."""


def retold(text: str, t: Words) -> str:
    """A sentence of the planner in a language; as it is where its form is not known."""
    return retell(text, SENTENCES, t)
