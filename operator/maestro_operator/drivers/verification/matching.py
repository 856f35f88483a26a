"""Patterns from a resource against text from a server or a log, in a process of their own.

The law of this file: nothing can interrupt Python's regular expressions, and the work of one may grow
with a power of the text. So the text is cut, the process has bounds on processor and memory, and it is
killed when its time is over; the turns of other pairs go on meanwhile. A pattern without any special
character is a plain search and costs no process.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LINE_CHARACTERS = 8 * 1024
TEXT_CHARACTERS = 1024 * 1024
SECONDS = 3.0
MEMORY_BYTES = 512 * 1024 * 1024
_SPECIAL = frozenset("\\.^$*+?{}[]|()")
_MATCHER = """
import json, re, resource, sys
seconds, memory = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
asked = json.load(sys.stdin)
found = []
for pattern in asked["patterns"]:
    try:
        form = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        json.dump({"fault": str(error)}, sys.stdout)
        break
    found.append(next((at for at, text in enumerate(asked["texts"]) if form.search(text)), None))
else:
    json.dump({"found": found}, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class NotMatched:
    """Why it is not known what a pattern fits."""

    message: str


async def first_matches(patterns: Sequence[str], texts: Sequence[str]) -> list[int | None] | NotMatched:
    """Return for each pattern the number of the first text that it fits, None where there is none."""
    if sum(len(text) for text in texts) > TEXT_CHARACTERS:
        return NotMatched(f"more than {TEXT_CHARACTERS // 1024} Ki characters are not looked at")
    cut = [text[:LINE_CHARACTERS] for text in texts] if len(texts) > 1 else list(texts)
    hard = [pattern for pattern in patterns if _SPECIAL & set(pattern)]
    known: dict[str, int | None] = {
        pattern: next((at for at, text in enumerate(cut) if pattern in text), None)
        for pattern in patterns
        if pattern not in hard
    }
    if hard:
        asked = await _asked(hard, cut)
        if isinstance(asked, NotMatched):
            return asked
        known |= dict(zip(hard, asked, strict=True))
    return [known[pattern] for pattern in patterns]


async def _asked(patterns: list[str], texts: list[str]) -> list[int | None] | NotMatched:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", _MATCHER, str(int(SECONDS) + 1), str(MEMORY_BYTES)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    question = json.dumps({"patterns": patterns, "texts": texts}).encode("utf-8", "replace")
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate(question)
    except TimeoutError:
        return NotMatched(f"the patterns took longer than {SECONDS:.0f} s: write simpler ones")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        return NotMatched("the patterns took more than they may: write simpler ones")
    answer = json.loads(said)
    if "fault" in answer:
        return NotMatched(f"a pattern is no regular expression: {answer['fault']}")
    found: list[int | None] = answer["found"]
    return found
