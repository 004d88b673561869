"""Figures of a run over time: what was sent and came back, how long it took, and who had how much to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadkit.measure.course import HIGH, LOW, Course
from loadkit.measure.health import CPU_MOST
from loadkit.measure.timeline import FAILED
from loadkit.report.blocks import Column, Data, Figure
from loadkit.report.figures import Layout, Trace, area, column, limit, line, over_time, values_axis
from loadkit.report.words import marked

if TYPE_CHECKING:
    from loadkit.measure.records import Stage
    from loadkit.report.words import Words

FLOWS = {
    "offered": marked("offered"),
    "started": marked("started"),
    "completed": marked("completed"),
    "accepted": marked("accepted"),
    "delivered": marked("delivered"),
    "shed": marked("shed"),
}
_FLOW_STYLES = {"offered": 5, "started": 3, "completed": 1, "accepted": 0, "delivered": 2, "shed": 4}
CLASSES = {
    "accepted": marked("accepted"),
    "transient": marked("transient"),
    "permanent": marked("permanent"),
    "timeout": marked("timeout"),
    "connection": marked("connection"),
    "tls": marked("tls"),
    "protocol": marked("protocol"),
    "client": marked("client"),
}
_PERCENTILES = {
    "response_p50_s": marked("response p50"),
    "response_p95_s": marked("response p95"),
    "response_p99_s": marked("response p99"),
    "response_max_s": marked("response maximum"),
    "service_p50_s": marked("service p50"),
    "service_p99_s": marked("service p99"),
}
_GAUGES = {
    "connections": marked("open connections"),
    "in_flight": marked("messages under way"),
    "queued": marked("messages waiting for a session"),
}
_TARGET = {
    "target_cpu_ratio": marked("CPU"),
    "target_target_cpu_ratio": marked("CPU of the target's processes"),
    "target_memory_ratio": marked("memory"),
    "target_disk_busy_ratio": marked("busiest disk"),
    "target_network_ratio": marked("busiest network interface"),
}


@dataclass(frozen=True, slots=True, eq=False)
class RunFigures:
    """Makes the figures of one run.

    Args:
        course: The run over time.
        stages: Its stages.
        end_s: Its end since its start.
        name: What its figures' ids begin with.
        several_kinds: Whether it has more than one message kind.
        t: The language.
    """

    course: Course
    stages: Sequence[Stage]
    end_s: float
    name: str
    several_kinds: bool
    t: Words

    def flows(self) -> Figure:
        """The rates, in the order in which they lose messages."""
        t, course = self.t, self.course
        shown = [name for name in FLOWS if name in course.values and (name != "shed" or course.has(name))]
        columns = {name: column(t("{what}, messages/s", what=t(FLOWS[name])), course[name]) for name in shown}
        traces: list[Trace] = []
        if course.step_s > 1:
            columns |= {
                "accepted" + LOW: column(t("accepted, least in a second"), course["accepted" + LOW]),
                "accepted" + HIGH: column(t("accepted, most in a second"), course["accepted" + HIGH]),
            }
            traces += area("at", "accepted" + LOW, "accepted" + HIGH, t("accepted, by second"), 0)
        for name in shown:
            width = 5 if name == "offered" else 2
            trace = self._line(name, t(FLOWS[name]), _FLOW_STYLES[name])
            traces.append(trace | {"line": trace["line"] | {"width": width}})
        return self._figure(
            "flows",
            t("Messages per second"),
            t("Messages offered, started, completed, accepted and delivered per second over the run."),
            columns,
            traces,
            note=self._means(),
            yaxis=values_axis(t("messages/s")),
        )

    def percentiles(self) -> Figure:
        """Response and service times."""
        t, course = self.t, self.course
        shown = {name: words for name, words in _PERCENTILES.items() if course.has(name)}
        columns = {name: column(t("{what}, ms", what=t(words)), course[name], 1e3) for name, words in shown.items()}
        traces = [self._line(name, t(words), style) for style, (name, words) in enumerate(shown.items())]
        notes = [t("Each point is the largest of its seconds.")] if course.step_s > 1 else []
        if self.several_kinds:
            notes.append(t("Each point is that of the slowest message kind: percentiles of kinds can't be averaged."))
        return self._figure(
            "percentiles",
            t("Percentiles over time"),
            t("Percentiles of response time and service time in milliseconds over the run."),
            columns,
            traces,
            note=" ".join(notes),
            yaxis=values_axis(t("ms"), logarithmic=True),
        )

    def failures(self) -> Figure | None:
        """What failed, by class; None where nothing did."""
        t, course = self.t, self.course
        shown = {name: CLASSES[kind.value] for kind, name in FAILED.items() if course.has(name)}
        if not shown:
            return None
        columns = {name: column(t("{what}, messages/s", what=t(words)), course[name]) for name, words in shown.items()}
        traces = [self._line(name, t(words), style) for style, (name, words) in enumerate(shown.items())]
        return self._figure(
            "failures",
            t("Failures per second"),
            t("Messages that failed per second over the run, by class."),
            columns,
            traces,
            note=self._means(),
            yaxis=values_axis(t("messages/s")),
        )

    def sessions(self) -> Figure:
        """Connections, messages under way, and those that wait."""
        t, course = self.t, self.course
        columns = {name: column(t(words), course[name]) for name, words in _GAUGES.items()}
        traces = [self._line(name, t(words), style) for style, (name, words) in enumerate(_GAUGES.items())]
        return self._figure(
            "sessions",
            t("Sessions and queue"),
            t("Open connections, messages under way and messages waiting for a session over the run."),
            columns,
            traces,
            note=self._largest(),
            yaxis=values_axis(t("number")),
        )

    def backlog(self) -> Figure | None:
        """What was accepted and had not arrived; None where that was nothing, or nobody counted arrivals."""
        t = self.t
        if not self.course.has("backlog"):
            return None
        words = t("accepted and not yet delivered")
        return self._figure(
            "backlog",
            t("Backlog behind the target"),
            t("Messages that were accepted and had not been delivered yet, over the run."),
            {"backlog": column(words, self.course["backlog"])},
            [self._line("backlog", words, 0) | {"fill": "tozeroy", "fillcolor": "var(--fill-1)"}],
            note=self._largest(),
            yaxis=values_axis(t("messages")),
        )

    def generator(self) -> Figure | None:
        """The load generator's processor."""
        t = self.t
        names = {
            "generator_cpu_ratio": t("CPU of the busiest process"),
            "generator_cpu_wait_ratio": t("waiting for a core"),
        }
        found = self._percents(
            "generator-cpu", names, t("Generator: CPU"), t("CPU of the load generator over the run.")
        )
        if found is None:
            return None
        shape, words = limit(100 * CPU_MOST, t("valid below {limit}", limit=f"{CPU_MOST:.0%}"))
        layout = found.layout
        more = {"shapes": [*layout["shapes"], shape], "annotations": [*layout["annotations"], words]}
        return _with_layout(found, layout | more)

    def lateness(self) -> Figure | None:
        """The load generator's own lateness."""
        t, course = self.t, self.course
        names = {
            "generator_lag_p99_s": t("schedule lag p99"),
            "generator_loop_stall_max_s": t("longest stall"),
            "generator_gc_pause_max_s": t("longest pause of the garbage collector"),
        }
        shown = {name: words for name, words in names.items() if course.has(name)}
        if not shown:
            return None
        return self._figure(
            "generator-lateness",
            t("Generator: lateness"),
            t("Lateness of the load generator in milliseconds over the run."),
            {name: column(t("{what}, ms", what=words), course[name], 1e3) for name, words in shown.items()},
            [self._line(name, words, style) for style, (name, words) in enumerate(shown.items())],
            note=self._largest(),
            yaxis=values_axis(t("ms")),
        )

    def target(self) -> Figure | None:
        """The target's host; None where nobody observed it."""
        t = self.t
        names = {name: t(words) for name, words in _TARGET.items()}
        return self._percents("target", names, t("Resources of the target"), t("Use of the target's resources."))

    def _percents(self, name: str, names: dict[str, str], title: str, says: str) -> Figure | None:
        shown = {key: words for key, words in names.items() if self.course.has(key)}
        if not shown:
            return None
        columns = {key: column(f"{words}, %", self.course[key], 100) for key, words in shown.items()}
        traces = [self._line(key, words, style) for style, (key, words) in enumerate(shown.items())]
        axis = values_axis("%")
        return self._figure(name, title, says, columns, traces, note=self._largest(), yaxis=axis)

    def _line(self, name: str, words: str, style: int) -> Trace:
        return line("at", name, words, style, points=self.course.at_s.size)

    def _figure(
        self,
        name: str,
        title: str,
        says: str,
        columns: dict[str, Column],
        traces: Sequence[Trace],
        *,
        note: str,
        yaxis: Layout,
    ) -> Figure:
        t = self.t
        data = Data({"at": column(t("second"), self.course.at_s), **columns})
        layout: dict[str, Any] = over_time(self.stages, self.end_s, t, yaxis=yaxis)
        return Figure(f"{self.name}{name}", title, says, (data,), tuple(traces), layout, note)

    def _means(self) -> str:
        step_s = self.course.step_s
        return "" if step_s == 1 else self.t("Each point is the mean of {count} seconds.", count=step_s)

    def _largest(self) -> str:
        step_s = self.course.step_s
        return "" if step_s == 1 else self.t("Each point is the largest of {count} seconds.", count=step_s)


def _with_layout(figure: Figure, layout: Layout) -> Figure:
    return Figure(figure.name, figure.title, figure.says, figure.data, figure.traces, layout, figure.note)
