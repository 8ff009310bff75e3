"""The measurements, their number of turns, and the limit of each ratio."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.contender import Name, running
from benchmarks.package import sizes
from benchmarks.ratio import Comparison, compare
from benchmarks.surroundings import Surroundings
from benchmarks.worst_cases import WORST_CASES, cpu_seconds

Progress = Callable[[str, int, int], None]
"""Called with the name of the measurement, the number of the turn (from 0) and the number of turns."""

API_MILLISECONDS = 200
SLOW_BATCH = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """The number of turns and messages of each measurement."""

    wall_turns: int = 15
    cpu_turns: int = 10
    cpu_messages: int = 40
    cold_turns: int = 15
    throughput_turns: int = 4
    throughput_messages: int = 64


QUICK = Plan(wall_turns=3, cpu_turns=3, cpu_messages=20, cold_turns=2, throughput_turns=1, throughput_messages=32)
"""The plan for CI, which takes about a minute."""


def wall_time(given: Surroundings, plan: Plan, progress: Progress) -> Iterator[Comparison]:
    """Measure ten messages in one batch with a slow API, where threads help."""
    name = f"Wall time of {SLOW_BATCH} messages, API answers after {API_MILLISECONDS} ms"
    with ExitStack() as stack:
        pair = [
            stack.enter_context(running(given, contender, answers_after_ms=API_MILLISECONDS)) for contender in _BOTH
        ]
        for contender in pair:
            contender.send(SLOW_BATCH)
        turns = [
            [contender.send(SLOW_BATCH).wall * 1000 for contender in pair]
            for _ in _turns(plan.wall_turns, name, progress)
        ]
    yield compare(name, "ms", *zip(*turns, strict=True), at_most=0.2)


def cpu_time(given: Surroundings, plan: Plan, progress: Progress) -> Iterator[Comparison]:
    """Measure a few hundred messages with a fast API: the CPU of the code, with and without idempotency."""
    for once_only, how, limit in ((True, "once only", 0.4), (False, "without once only", 0.15)):
        name = f"CPU a message, {how}"
        ours: Name = "ours" if once_only else "ours-without-ledger"
        with ExitStack() as stack:
            pair = [stack.enter_context(running(given, contender, once_only=once_only)) for contender in (ours, "peer")]
            for contender in pair:
                contender.send(SLOW_BATCH)
            turns = [
                [contender.send(plan.cpu_messages).cpu / plan.cpu_messages * 1000 for contender in pair]
                for _ in _turns(plan.cpu_turns, name, progress)
            ]
        yield compare(name, "ms", *zip(*turns, strict=True), at_most=limit)


def cold_start(given: Surroundings, plan: Plan, progress: Progress) -> Iterator[Comparison]:
    """Measure a new interpreter until the application is made, and until the first message and batch are sent."""
    name = "Cold start"
    for contender in _BOTH:
        _cold(given, contender, 1)  # the first run may have to compile
    turns = [
        [(_cold(given, contender, 1), _cold(given, contender, SLOW_BATCH)) for contender in _BOTH]
        for _ in _turns(plan.cold_turns, name, progress)
    ]
    for what, index, messages in (("import and wiring", 0, 0), ("first message sent", 1, 0), ("first 10 sent", 1, 1)):
        ours, peer = zip(
            *((times[0][messages][index] * 1000, times[1][messages][index] * 1000) for times in turns), strict=True
        )
        yield compare(f"{name}: {what}", "ms", ours, peer, at_most=_COLD_LIMITS[what])


_COLD_LIMITS = {"import and wiring": 2.5, "first message sent": 2.0, "first 10 sent": 1.5}


def _cold(given: Surroundings, name: Name, messages: int) -> tuple[float, float]:
    """Return the seconds until the application was made, and until the first batch was sent."""
    with running(given, name) as contender:
        return contender.start_up.wall, contender.start_up.wall + contender.send(messages).wall


def throughput(given: Surroundings, plan: Plan, progress: Progress) -> Iterator[Comparison]:
    """Measure the messages per second of one instance, with one thread and with several."""
    name = f"Throughput of one instance, API answers after {API_MILLISECONDS} ms"
    threads = (1, 10, 32)
    count = plan.throughput_messages
    with ExitStack() as stack:
        instances = [
            stack.enter_context(running(given, "ours", answers_after_ms=API_MILLISECONDS, threads=n)) for n in threads
        ]
        for instance, n in zip(instances, threads, strict=True):
            instance.send(n, n)
        turns = [
            [count / instance.send(count, count).wall for instance in instances]
            for _ in _turns(plan.throughput_turns, name, progress)
        ]
    one, *several = zip(*turns, strict=True)
    for n, rates, limit in zip(threads[1:], several, (5, 8), strict=True):
        yield compare(f"{name}, {n} threads", "a second", rates, one, baseline="1 thread", at_least=limit)


def package_size(_given: Surroundings, _plan: Plan, progress: Progress) -> Iterator[Comparison]:
    """Measure the size of the ZIP file and of the unpacked package. Without a build there is no result."""
    progress("Package", 0, 1)
    found = sizes()
    if found:
        ours, peer = found
        yield compare("Package, unpacked", "MB", [ours.unpacked / 1e6], [peer.unpacked / 1e6], at_most=1.0)
        yield compare("Package, zipped", "MB", [ours.zipped / 1e6], [peer.zipped / 1e6], at_most=1.0)


def worst_cases(_given: Surroundings, plan: Plan, progress: Progress) -> Iterator[Comparison]:
    """Measure hostile inputs against their halves: linear work takes twice as long, quadratic work four times."""
    for what, make in WORST_CASES.items():
        name = f"CPU of {what}"
        whole, half = make(1), make(2)
        turns = [(cpu_seconds(whole) * 1000, cpu_seconds(half) * 1000) for _ in _turns(plan.cpu_turns, name, progress)]
        yield compare(name, "ms", *zip(*turns, strict=True), baseline="half of it", at_most=3.0)


Measure = Callable[[Surroundings, Plan, Progress], Iterator[Comparison]]

MEASURES: dict[str, Measure] = {
    "wall": wall_time,
    "cpu": cpu_time,
    "cold": cold_start,
    "package": package_size,
    "throughput": throughput,
    "worst": worst_cases,
}

_BOTH: tuple[Name, Name] = ("ours", "peer")


def _turns(count: int, name: str, progress: Progress) -> Iterator[int]:
    for turn in range(count):
        progress(name, turn, count)
        yield turn


def measure(measures: Sequence[Measure], given: Surroundings, plan: Plan, progress: Progress) -> Iterator[Comparison]:
    """Run the measurements one after the other."""
    for one in measures:
        yield from one(given, plan, progress)
