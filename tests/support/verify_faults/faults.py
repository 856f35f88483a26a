"""The faults: each is planted in a real part, and taken away again."""

from collections.abc import Callable
from dataclasses import dataclass

from support.bed import layout
from support.mail.host import LOSES_BOUNCES, LOSES_MAIL
from support.standin import LIVE
from support.verify_faults.world import VerifiedWorld, do

BROKEN_TABLE = "SEVERE [LUI] Table './lui/recipients' is marked as crashed and should be repaired"
TODAYS_LOG = f"{LIVE}/files/lui/logs/LUI-$(date +%Y%m%d).LOG"
SHUT = "nft add table inet shut && nft 'add chain inet shut input { type filter hook input priority 0; }' && "
SHUT += "nft add rule inet shut input tcp dport 5432 reject with tcp reset"
OTHER_RUNS = "systemd-run --quiet --unit=left-over python3 -m http.server 80 --directory /run && "
OTHER_RUNS += "timeout 20 sh -c 'until curl -sS -o /dev/null http://127.0.0.1/ 2>/dev/null; do sleep 0.1; done'"

# Takes every place that the database has for clients, as far as the question for a password.
HOG = """
import pathlib, socket, struct, time
words = b"user\\0maestro\\0database\\0maestro\\0\\0"
kept = []
while True:
    one = socket.create_connection(("127.0.0.1", 5432))
    one.sendall(struct.pack("!II", 8 + len(words), 196608) + words)
    kept.append(one)
    if one.recv(1) == b"E":
        break
pathlib.Path("/run/hog-is-full").touch()
time.sleep(50)
"""
FULL = f"cat >/run/hog.py <<'END'\n{HOG}END\nsystemd-run --quiet --unit=hog python3 /run/hog.py && "
FULL += "timeout 20 sh -c 'until [ -e /run/hog-is-full ]; do sleep 0.1; done'"
STRAY = "sed -i '1i 10.77.0.12 maestro.example.org' /etc/hosts"

Act = Callable[[VerifiedWorld], None]


@dataclass(frozen=True)
class Fault:
    """One fault and the check that is there to find it."""

    name: str
    found_by: str
    plant: Act
    mend: Act


def _running(fault: str) -> tuple[Act, Act]:
    return lambda world: world.set_mail(faults=fault), lambda world: world.set_mail()


def _run(where: str, plant: str, mend: str) -> tuple[Act, Act]:
    return lambda world: do(world.bed.nodes[where], plant), lambda world: do(world.bed.nodes[where], mend)


def _lossy(fault: str) -> tuple[Act, Act]:
    return lambda world: world.mail.plant(fault), lambda world: world.mail.mend()


FAULTS = (
    Fault("wrong-vhost", "page", *_running("vhost")),
    Fault(
        "expired-certificate",
        "secure-page",
        lambda world: world.serve_tls(ends_in_days=-1),
        lambda world: world.serve_tls(ends_in_days=30),
    ),
    Fault("database-port-shut", "database", *_run("a", SHUT, "nft delete table inet shut")),
    Fault("database-full", "database", *_run("a", FULL, "systemctl stop hog; rm -f /run/hog-is-full")),
    Fault(
        "broken-table",
        "log",
        *_run(
            "a",
            f"""echo "$(date '+%Y-%m-%d %H:%M:%S'),000 {BROKEN_TABLE}" >>{TODAYS_LOG}""",
            f"sed -i '/marked as crashed/d' {TODAYS_LOG}",
        ),
    ),
    Fault("expired-login", "login", lambda world: world.set_mail(password="changed"), lambda world: world.set_mail()),
    Fault("dumb-listserv", "listserv", *_running("listserv")),
    Fault("old-side-answers", "old-address", *_run("b", OTHER_RUNS, "systemctl stop left-over")),
    Fault(
        "stale-name-server",
        "names",
        lambda world: world.second_says(layout.NODE_ADDRESSES["b"]),
        lambda world: world.second_says(layout.NODE_ADDRESSES["a"]),
    ),
    Fault("stray-hosts-file", "names", *_run("a", STRAY, "sed -i 1d /etc/hosts")),
    Fault("stray-hosts-file-of-a-witness", "names", *_run("b", STRAY, "sed -i 1d /etc/hosts")),
    Fault("lost-folder", "command", *_run("a", f"mv {LIVE}/files/hub {LIVE}/hub", f"mv {LIVE}/hub {LIVE}/files/hub")),
    Fault(
        "address-in-file",
        "audit",
        lambda world: world.write_ini(layout.NODE_ADDRESSES["b"]),
        lambda world: world.write_ini("maestro.example.org"),
    ),
    Fault("mail-not-arriving", "mailing", *_lossy(LOSES_MAIL)),
    Fault("expired-token", "mailing", lambda world: world.set_mail(token="used"), lambda world: world.set_mail()),
    Fault("dead-tracker", "click", *_running("tracker")),
    Fault("lost-bounce", "bounce", *_lossy(LOSES_BOUNCES)),
)
