"""The sentences of measure and analysis about runs and ladders, as they make them, for pages in other languages."""

from __future__ import annotations

from loadkit.report.words import marked

OF_VALIDITY = (
    marked("process {number}: {what}"),
    marked("generator CPU {used} of a core in the busiest seconds (p95)"),
    marked(
        "the generator wanted {wanted} of a core in the busiest seconds (p95) and got {used}: other processes had its "
        "core"
    ),
    marked("the event loop stood still for {share} of the time, {longest} at once"),
    marked("the event loop stood still for {share} of the time, {longest} at once, in pauses of the garbage collector"),
    marked("the wall clock stepped by {step} against the steady clock"),
    marked("{what} for {connections} connections, and {messages} messages failed for it"),
    marked("no file descriptor was left (EMFILE)"),
    marked("no local port was left (EADDRNOTAVAIL)"),
    marked("the system had no memory left for connections (ENOBUFS or ENOMEM)"),
    marked("this machine had no route to the target (ENETUNREACH or ENETDOWN)"),
    marked("this machine's own firewall or policy forbade it (EPERM or EACCES)"),
    marked("no message was offered in the measured stages"),
    marked("{shed} of {offered} arrivals were shed, {achieved} achieved"),
    marked("p99 schedule lag {lag}"),
    marked("worker {number} ({name}) was lost after {time}"),
    marked("worker {number} ({name}) did not report for {time}"),
    marked("the clock of worker {number} ({name}) is {time} off the master's"),
    marked("below {limit}"),
    marked("at most {limit}"),
    marked("at most {limit} in stalls above {late}"),
    marked("at least {limit}"),
    marked("never"),
    marked("replies were read late; keep fewer objects alive in listeners and locustfiles"),
    marked("replies were read late; give the generator a core of its own, and let listeners and locustfiles not block"),
    marked("without it nothing is known of losses; see that the sink runs and answers, and run again"),
    marked("{loss}; its sessions sent no more; find out why, and run again"),
    marked(
        "{loss}; {missing} of the {scheduled} arrivals of its share are not known to have been offered; find out why, "
        "and run again"
    ),
)
"""Of what made a measurement not valid, what would have been valid, and what to do."""

OF_DIAGNOSIS = (
    marked("{count} of {all} messages ({share})"),
    marked("{count} of {all} session set-ups ({share})"),
    marked("{count} attempts that were followed by another ({passed} messages passed at one)"),
    marked("{count} sessions ended by the server"),
    marked(
        "{slow} of {refused} refused messages took longer than {limit} s ({share}), of what was not refused {other}"
    ),
    marked("{same} of {all} sessions that the server ended had carried exactly {number} messages"),
)
"""Of what was seen of a server's limits."""

OF_LADDERS = (
    marked("it did not come to its end"),
    marked("its measurement is not valid"),
    marked("it had no whole second, or nothing was accepted"),
    marked("its rate changes within the measured stages"),
    marked("the system kept up with {share} of the rate only"),
    marked("complete: {why}"),
    marked("interrupted: {why}"),
    marked("the time is used up"),
    marked("every bracket is narrow enough"),
    marked("no load is left that would tell more"),
    marked("it was interrupted"),
    marked("the load generator can't drive {rate}"),
)
"""Of runs that are no trials, and of how a search ended."""

OF_CURVES = (
    marked("its AICc is the least, by far before {other}"),
    marked("its AICc is the least, by {distance} before {other}"),
    marked("AICc can't tell it from {others}, and it foretells the highest concurrency best"),
    marked("{why}; fitted without the highest concurrency it is {error} wrong there"),
    marked(
        "{curve} foretells the highest concurrency better ({best} wrong, {own} by the chosen curve): believe neither "
        "far beyond what was measured"
    ),
    marked("{first} and {second} are correlated by {value}: they are not to be read separately"),
    marked("the fit is ill-conditioned ({condition}): the curve may be believed, its parameters hardly"),
    marked("the most throughput may lie beyond the highest concurrency that was measured, {highest}"),
    marked("the most throughput lies beyond the highest concurrency that was measured, {highest}"),
    marked("all trials are of one run: how runs differ is not in the intervals"),
    marked("theta is at its bound, {bend}: the curve bends otherwise than queues of one station do"),
    marked("latency hardly bends over these rates: the capacity may be far above them"),
    marked("the capacity is {times} times the highest rate that was measured"),
    marked("{first} and {second} part there"),
    marked("it would narrow {what} most, to {share} of its standard error"),
    marked("the curve at {n}"),
    marked("latency has not bent yet, so capacity has no upper bound"),
    marked("the highest rate is {share} of the capacity, and the bend lies above"),
    marked("between the trials there the curve rises most without one"),
    marked(
        "{count} rates from {low} to {high} can't show where latency bends: it takes {fewest} rates over a factor of "
        "{factor}; measure at {rates}, and above until the system can't keep up"
    ),
    marked(
        "{trials} at {levels} of concurrency can't tell one curve from another: it takes {fewest} trials at {least} "
        "levels; add trials at concurrency {places}"
    ),
    marked(
        "trials from {low} to {high} span less than a factor of {factor}: every curve is straight over so short a way; "
        "add trials at concurrency {places}"
    ),
)
"""Of fits: why a curve was chosen, what to know, what to measure next, and why nothing could be fitted."""
