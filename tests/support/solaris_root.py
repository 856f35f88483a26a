"""A root folder on which the Solaris guard runs under a real ksh93; SMF's programs are small stand-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from maestro_operator.transport.platforms import solaris_guard
from support.guard_root import GuardRoot

if TYPE_CHECKING:
    from pathlib import Path

KSTAT = """#!/bin/sh
case $2 in
    *:boot_time) printf 'unix:0:system_misc:boot_time\\t%s\\n' "$(cat "{root}/boot_time")" ;;
    *:snaptime) printf 'unix:0:system_misc:snaptime\\t100.25\\n' ;;
esac
"""
SVCS = """#!/bin/sh
printf 'svcs %s\\n' "$*" >>"{root}/smf.log"
for unit; do :; done
found="{root}/smf/$(printf '%s' "$unit" | tr '/:' '__')"
[ -e "$found" ] || {{ echo "svcs: Pattern '$unit' doesn't match any instances" >&2; exit 1; }}
case $* in *state,nstate*) cat "$found" ;; *) cut -d' ' -f1 "$found" ;; esac
"""
SVCADM = """#!/bin/sh
printf 'svcadm %s\\n' "$*" >>"{root}/smf.log"
verb=$1
for unit; do :; done
found="{root}/smf/$(printf '%s' "$unit" | tr '/:' '__')"
case $verb in enable) echo 'online -' >"$found" ;; disable) echo 'disabled -' >"$found" ;; esac
"""
PROGRAMS = {
    "kstat": KSTAT,
    "hostid": "#!/bin/sh\necho 84b6c1d2\n",
    "svcs": SVCS,
    "svcadm": SVCADM,
    "svcprop": "#!/bin/sh\necho false\n",
    "netstat": "#!/bin/sh\ncat '{root}/netstat' 2>/dev/null\n",
}


class SolarisRoot(GuardRoot):
    """One Solaris node's guard below a folder."""

    def __init__(self, path: Path, *, boot: str = "1764439200") -> None:
        path.mkdir(parents=True, exist_ok=True)
        script = path / "maestro-guard"
        script.write_text(solaris_guard().replace("#!/bin/sh", "#!/usr/bin/ksh93", 1))
        script.chmod(0o755)
        super().__init__(path, boot=boot, script=script)
        self.runtime = path / "var/run/maestro-guard"
        self.runtime.mkdir(parents=True)
        (path / "smf").mkdir()
        for name, text in PROGRAMS.items():
            self.program(name, text.format(root=path))

    @override
    def reboot(self, boot: str) -> None:
        (self.path / "boot_time").write_text(f"{boot}\n")

    def service(self, name: str, state: str) -> None:
        """Let SMF have a service in a state, as `svcs -o state,nstate` prints it."""
        (self.path / "smf" / name.replace("/", "_").replace(":", "_")).write_text(f"{state}\n")

    @property
    def asked(self) -> list[str]:
        """What SMF was asked, in order."""
        log = self.path / "smf.log"
        return log.read_text().splitlines() if log.exists() else []
