"""The program that `ipmi_sim` calls for every question about its chassis: `chassis.py FOLDER 0x20 get|set power [0|1]`.

FOLDER holds where the bed is, which node this is, how the controller shall behave, and the audit of everything that
was asked, with the node's true power before and after.
"""

import json
import sys
from pathlib import Path

from support.bed import wire
from support.bed.evidence import Journal

CALL_SECONDS = 20.0


def main() -> int:
    """Answers one question and returns what to exit with."""
    folder, verb, what = Path(sys.argv[1]), sys.argv[3], sys.argv[4]
    told = json.loads((folder / "bed.json").read_text())
    mode = (folder / "mode").read_text().strip()
    node = {"node": told["node"]}
    control = Path(told["control"])

    def is_on() -> bool:
        return bool(wire.call(control, "is_on", node, timeout_seconds=CALL_SECONDS))

    before, status = is_on(), 0
    if what == "power" and verb == "get":
        shown = before if mode != "lying" else (folder / "pretended").read_text().strip() == "1"
        print(f"power:{int(shown)}", flush=True)
    elif what == "power" and verb == "set":
        status = _set(folder, control, node, mode=mode, wanted=sys.argv[5] == "1")
    else:
        status = 1
    Journal(folder / "ipmi.jsonl").write(
        bmc=told["node"], event="request", mode=mode, request=sys.argv[3:], status=status,
        true_power_before="On" if before else "Off", true_power_after="On" if is_on() else "Off",
    )  # fmt: skip
    return status


def _set(folder: Path, control: Path, node: dict[str, str], *, mode: str, wanted: bool) -> int:
    if mode == "denying":
        return 1
    if mode == "lying":
        (folder / "pretended").write_text(str(int(wanted)))
        return 0
    wire.call(control, "power_on" if wanted else "power_cut", node, timeout_seconds=CALL_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
