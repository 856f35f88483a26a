"""Tells how long each step of an episode took, from the API server's own log of the status writes."""

from collections.abc import Iterable, Mapping

from support.judge.events import Event

NOT_OUR_OWN = ("Quiesce", "StartServices", "FinalSync")
"""The steps whose time is the services' own stop and start, and the last sync."""


def spans(writes: Iterable[Event]) -> Mapping[str, Mapping[str, float]]:
    """Return seconds by episode and step: from the write of a step's intent to the next write of another."""
    found: dict[str, dict[str, float]] = {}
    current: tuple[str, str, int] | None = None
    for write in sorted(writes, key=lambda event: event.wall_ns):
        episode = write.detail["status"].get("episode") or {}
        now = (episode.get("id"), episode.get("step"))
        if current is not None and now != current[:2]:
            steps = found.setdefault(current[0], {})
            steps[current[1]] = steps.get(current[1], 0.0) + (write.wall_ns - current[2]) / 1e9
            current = None
        if current is None and episode:
            current = (episode["id"], episode["step"], write.wall_ns)
    return found


def shortest(episodes: Iterable[Mapping[str, float]]) -> Mapping[str, float]:
    """Return, for every step that any of several episodes had, the shortest time it took."""
    found: dict[str, float] = {}
    for steps in episodes:
        for step, seconds in steps.items():
            found[step] = min(seconds, found.get(step, seconds))
    return found


def own_seconds(steps: Mapping[str, float]) -> float:
    """Return what an episode spent outside the services' own stop and start and the last sync."""
    return sum(seconds for step, seconds in steps.items() if step not in NOT_OUR_OWN)


def described(steps: Mapping[str, float]) -> str:
    """Return the steps with their seconds, in order."""
    return ", ".join(f"{step} {seconds:.2f}" for step, seconds in steps.items())
