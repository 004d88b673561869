"""The largest rate that meets goals: a search as a state machine, with observations in and the next action out.

The search neither sends nor waits. It is its settings and the trials so far, so it repeats exactly, survives being
written down, and goes on where it was.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from loadkit.analysis.belief import Belief, Known, believe
from loadkit.analysis.evidence import (
    GOODPUT_LEAST,
    LONGER,
    Bound,
    Evidence,
    Look,
    Observation,
    done_share,
    is_overloaded,
    judge_load,
    may_tell,
)
from loadkit.analysis.goals import Criterion, Goal
from loadkit.analysis.search_trials import STEPS_OF_WIDTH, DoneTrial, Finished, NextTrial, Purpose, SearchSettings

MOST_VOID = 3
"""So many trials that the load generator could not drive, and the load counts as out of its reach."""
MOST_UNDECIDED = 5
"""So many loads of which trials did not tell, and more of them won't either."""
CAPACITY_SHARE = 0.85
"""The capacity is expected at this share of what an overloaded target did: latency gives way before throughput."""
_LEAST_DONE = 0.01
CHECKED_SHARES = (0.8, 1.2)
_HALVINGS_DOWN = 12


@dataclass(frozen=True, slots=True)
class GoalResult:
    """What is known of the largest rate that meets a goal.

    Args:
        goal: The goal.
        lower_per_s: Largest rate below `upper_per_s` that surely meets it; None if none does.
        upper_per_s: Smallest rate that surely doesn't; None if none was found.
        criterion: What was bad at the upper bound.
        trials: Trials that told of the goal, those for its confirmation included.
        undecided_per_s: Rates between the bounds, or beside them, of which their trials did not tell.
        void: Trials that the load generator could not drive.
        confirmed: Whether a longer trial at the lower bound says so too.
        out_of_reach_per_s: Smallest rate that the load generator could not drive; None if there is none.
    """

    goal: Goal
    lower_per_s: float | None
    upper_per_s: float | None
    criterion: Criterion | None
    trials: int
    undecided_per_s: tuple[float, ...]
    void: int
    confirmed: bool
    out_of_reach_per_s: float | None

    @property
    def width(self) -> float | None:
        """Relative width of the bracket; None if it is open."""
        if not self.lower_per_s or self.upper_per_s is None:
            return None
        return self.upper_per_s / self.lower_per_s - 1

    def __repr__(self) -> str:
        low, high = ("?" if rate is None else f"{rate:,.4g}" for rate in (self.lower_per_s, self.upper_per_s))
        why = f", then {self.criterion.value}" if self.criterion else ""
        return f"<{self.goal.text}: {low}/s to {high}/s{why}; {self.trials} trials>"

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return dataclasses.asdict(self) | {"width": self.width}


@dataclass(frozen=True, slots=True)
class Search:
    """A search for capacity as it stands.

    Args:
        settings: What is searched, and how.
        done: The trials so far.

    Notes:
        The bookkeeping is that of MLRsearch (draft-ietf-bmwg-mlrsearch): one trial tells of all goals; the relevant
        upper bound of a goal is the smallest load that fails it, the relevant lower bound the largest below that one
        which meets it. Loads lie on a logarithmic grid and double until the first upper bound. Then the next load is
        the one that would tell most of where the capacities of all goals may be, given what every load says so far and
        how much an overloaded target did; where two would tell as much, it is the smaller.

    Examples:
        >>> from loadkit.analysis.goals import parse_goal
        >>> from loadkit.analysis.search_trials import NextTrial, SearchSettings
        >>> search = Search(SearchSettings((parse_goal("p(99) < 500ms"),), start_per_s=100, width=0.5))
        >>> while isinstance(trial := search.next_action(), NextTrial):
        ...     slow = 0 if trial.rate_per_s < 500 else 50
        ...     seen = Observation((200,) * 10, (0,) * 10, ((slow,) * 10,), (5,) * 10)
        ...     search = search.with_trial(trial, seen)
        >>> search.results()
        (<p(99) < 500ms: 413.4/s to 620/s, then latency; 6 trials>,)
    """

    settings: SearchSettings
    done: tuple[DoneTrial, ...] = ()

    def __repr__(self) -> str:
        return f"<Search: {len(self.done)} trials, {self.took_s:,.4g} s; {', '.join(map(repr, self.results()))}>"

    def with_trial(self, trial: NextTrial, seen: Observation, took_s: float | None = None) -> Search:
        """The search after a trial.

        Args:
            trial: What was to be done.
            seen: What it saw.
            took_s: What it took of the budget, in seconds; its duration unless told.
        """
        done = DoneTrial(trial, seen, trial.duration_s if took_s is None else took_s)
        return dataclasses.replace(self, done=(*self.done, done))

    @property
    def took_s(self) -> float:
        """What all trials took, in seconds."""
        return sum(one.took_s for one in self.done)

    def to_dict(self) -> dict[str, Any]:
        """The search as plain JSON values."""
        return {"settings": self.settings.to_dict(), "trials": [one.to_dict() for one in self.done]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Search:
        """Read what `to_dict` made."""
        return cls(SearchSettings.from_dict(data["settings"]), tuple(map(DoneTrial.from_dict, data["trials"])))

    def next_action(self) -> NextTrial | Finished:
        """What to do now."""
        books = Books.of(self)
        if (step := books.next_step()) is not None:
            ramping = not any(books.top(place) is not None for place in range(len(self.settings.goals)))
            trial = self._trial(step, Purpose.RAMP if ramping else Purpose.SEARCH, longer=books.next_is_longer(step))
            # Time is kept for the confirmation.
            if self._affordable(trial.duration_s + self._confirm_s * (books.lowest_bound() is not None)):
                return trial
        return self._confirmation(books) or Finished(self._reason(books, step))

    @property
    def _confirm_s(self) -> float:
        return self.settings.trial_s * self.settings.confirm_trials

    def _affordable(self, duration_s: float) -> bool:
        """Whether there is time for a trial, with what the trials so far took beside their measured time."""
        beside_s = (self.took_s - sum(one.trial.duration_s for one in self.done)) / max(len(self.done), 1)
        return self.took_s + duration_s + beside_s <= self.settings.budget_s

    def _trial(self, step: int, purpose: Purpose, *, longer: int = 1, share: float = 1.0) -> NextTrial:
        settings, number = self.settings, len(self.done) + 1
        rate = float(f"{settings.rate_per_s(step) * share:.6g}")
        duration_s = self._confirm_s if purpose is Purpose.CONFIRM else longer * settings.trial_s
        seed = int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0])
        return NextTrial(number, step, rate, duration_s, purpose, seed)

    def _confirmation(self, books: Books) -> NextTrial | None:
        """The longer trial at the smallest lower bound, then those a fifth below and above it."""
        step = books.lowest_bound()
        if step is None:
            return None
        made = [one.trial for one in self.done if one.trial.step == step]
        checks = sum(trial.purpose is Purpose.CHECK for trial in made)
        if not books.confirmed(step):
            voided = sum(trial.purpose is Purpose.CONFIRM for trial in made)
            trial = self._trial(step, Purpose.CONFIRM) if voided < MOST_VOID else None
        elif checks < len(CHECKED_SHARES):
            trial = self._trial(step, Purpose.CHECK, share=CHECKED_SHARES[checks])
        else:
            trial = None
        return trial if trial is not None and self._affordable(trial.duration_s) else None

    def _reason(self, books: Books, step: int | None) -> str:
        if step is not None:
            return "the time is used up"
        narrow = all(
            result.width is not None and result.width <= self.settings.width * (1 + 1e-4) for result in self.results()
        )
        if narrow:
            return "every bracket is narrow enough"
        if books.out_of_reach is not None:
            return f"the load generator can't drive {self.settings.rate_per_s(books.out_of_reach):,.4g}/s"
        if any(result.undecided_per_s for result in self.results()):
            return f"trials of {self.settings.trial_s:g}s can't tell more, and longer ones may"
        return "no load is left that would tell more"

    def results(self) -> tuple[GoalResult, ...]:
        """What is known so far, by goal."""
        books = Books.of(self)
        return tuple(books.result(place) for place in range(len(self.settings.goals)))


@dataclass(frozen=True, slots=True)
class Books:
    """What every load tried so far is for every goal.

    Args:
        search: The search.
        evidence: By goal, the evidence by step.
        out_of_reach: The smallest step that the load generator could not drive, or None.
    """

    search: Search
    evidence: tuple[dict[int, Evidence], ...]
    out_of_reach: int | None

    @classmethod
    def of(cls, search: Search) -> Books:
        """Judge every load."""
        settings = search.settings
        valid: dict[int, list[Observation]] = {}
        void: dict[int, int] = {}
        for one in search.done:
            if one.trial.purpose is Purpose.CHECK:
                continue
            if one.seen.invalid:
                counted = one.trial.purpose is not Purpose.CONFIRM
                void[one.trial.step] = void.get(one.trial.step, 0) + counted
            else:
                valid.setdefault(one.trial.step, []).append(one.seen)
        loosest = max((goal.allowed for goal in settings.goals if goal.limit_s is None), default=0.0)
        confirmed = {one.trial.step for one in search.done if one.trial.purpose is Purpose.CONFIRM}
        looks = {
            step: Look(settings.looks, min(GOODPUT_LEAST, 1 - loosest), confirming=step in confirmed) for step in valid
        }
        evidence = tuple(
            {step: judge_load(goal, place, seen, looks[step]) for step, seen in valid.items()}
            for place, goal in enumerate(settings.goals)
        )
        unreached = [step for step, count in void.items() if count >= MOST_VOID]
        return cls(search, evidence, min(unreached, default=None))

    def top(self, place: int) -> int | None:
        """The smallest step that is too much, or out of reach."""
        steps = [step for step, seen in self.evidence[place].items() if seen.bound is Bound.UPPER]
        return min((*steps, *(() if self.out_of_reach is None else (self.out_of_reach,))), default=None)

    def bottom(self, place: int) -> int | None:
        """The largest step below `top` that meets the goal."""
        top = self.top(place)
        steps = [step for step, seen in self.evidence[place].items() if seen.bound is Bound.LOWER]
        return max((step for step in steps if top is None or step < top), default=None)

    def lowest_bound(self) -> int | None:
        """The smallest of the goals' lower bounds; None unless each has one."""
        steps = [self.bottom(place) for place in range(len(self.evidence))]
        known = [step for step in steps if step is not None]
        return min(known) if len(known) == len(steps) else None

    def confirmed(self, step: int) -> bool:
        """Whether a longer trial was made at a step."""
        return any(
            one.trial.purpose is Purpose.CONFIRM and one.trial.step == step and not one.seen.invalid
            for one in self.search.done
        )

    def next_is_longer(self, step: int) -> int:
        """How many times as long as the shortest the next trial at a step is.

        What one could not tell, the next may; and none is so short that not even the best outcome would tell.
        """
        settings, seen = self.search.settings, self.evidence[0].get(step)
        most = sum(LONGER**look for look in range(settings.looks))
        least = 1 if seen is None else min(LONGER**seen.trials, most)
        goals = [settings.goals[belief.place] for belief in self._beliefs() if belief.bits_at(step)]
        enough = (
            times
            for times in range(least, most)
            if all(
                may_tell(goal, settings.rate_per_s(step), times * settings.trial_s, settings.looks) for goal in goals
            )
        )
        return next(enough, most)

    def next_step(self) -> int | None:
        """The load that tells most of all goals whose brackets are too wide."""
        if (again := self._void_step()) is not None:
            return again
        beliefs = self._beliefs()
        if not beliefs:
            return self._ramp_step()
        last = self.search.done[-1].trial
        if last.purpose is Purpose.SEARCH and any(belief.bits_at(last.step) for belief in beliefs):
            return last.step
        steps = range(min(one.bottom for one in beliefs) + 1, max(one.top for one in beliefs))
        return max(steps, key=lambda step: (sum(belief.bits_at(step) for belief in beliefs), -step))

    def _ramp_step(self) -> int | None:
        """Twice the largest load so far, if a goal has no upper bound yet."""
        settings = self.search.settings
        if all(self.top(place) is not None for place in range(len(self.evidence))):
            return None
        step = max(self.evidence[0]) + settings.doubling if self.evidence[0] else 0
        return step if settings.rate_per_s(step) <= settings.most_per_s else None

    def _beliefs(self) -> list[Belief]:
        """Where the capacity may be, for each goal of which another trial may tell more."""
        beliefs = map(self._belief, range(len(self.evidence)))
        return [one for one in beliefs if one is not None and any(one.bits)]

    def _belief(self, place: int) -> Belief | None:
        doubling, seen = self.search.settings.doubling, self.evidence[place]
        bottom, top = self.bottom(place), self.top(place)
        if top is None or (bottom is not None and top - bottom <= STEPS_OF_WIDTH):
            return None
        if sum(one.bound is Bound.UNDECIDED for step, one in seen.items() if step < top) >= MOST_UNDECIDED:
            return None
        guess = self._guess()
        if bottom is None:
            bottom = min((top, *seen, *(() if guess is None else (guess,)))) - 2 * doubling
            if bottom < -_HALVINGS_DOWN * doubling:
                return None
        return believe(place, bottom, top, Known(seen, guess, self.search.settings.apart))

    def _guess(self) -> int | None:
        """The step where the capacity is expected by what the target did at the smallest load that was too much."""
        settings = self.search.settings
        over = [one for one in self.search.done if not one.seen.invalid and is_overloaded(one.seen)]
        if not over:
            return None
        least = min(over, key=lambda one: one.trial.rate_per_s)
        expected_per_s = CAPACITY_SHARE * max(done_share(least.seen), _LEAST_DONE) * least.trial.rate_per_s
        return round(math.log(expected_per_s / settings.start_per_s) / math.log(settings.ratio))

    def _void_step(self) -> int | None:
        """The load of the last trial, if the load generator could not drive it and may do so yet."""
        if not self.search.done or not self.search.done[-1].seen.invalid:
            return None
        last = self.search.done[-1].trial
        wanted = last.purpose in (Purpose.RAMP, Purpose.SEARCH) and last.step != self.out_of_reach
        return last.step if wanted else None

    def result(self, place: int) -> GoalResult:
        """What is known of a goal."""
        settings, seen = self.search.settings, self.evidence[place]
        uppers = [step for step, one in seen.items() if one.bound is Bound.UPPER]
        bottom, upper = self.bottom(place), min(uppers, default=None)
        undecided = sorted(step for step, one in seen.items() if one.bound is Bound.UNDECIDED)
        told = [one for one in self.search.done if one.trial.purpose is not Purpose.CHECK]
        return GoalResult(
            goal=settings.goals[place],
            lower_per_s=None if bottom is None else settings.rate_per_s(bottom),
            upper_per_s=None if upper is None else settings.rate_per_s(upper),
            criterion=None if upper is None else seen[upper].criterion,
            trials=sum(not one.seen.invalid for one in told),
            undecided_per_s=tuple(settings.rate_per_s(step) for step in undecided),
            void=sum(bool(one.seen.invalid) for one in self.search.done),
            confirmed=bottom is not None and self.confirmed(bottom),
            out_of_reach_per_s=None if self.out_of_reach is None else settings.rate_per_s(self.out_of_reach),
        )
