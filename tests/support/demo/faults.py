"""The faults that `BREAK=` plants: each must make exactly the claims fail that are there to see it.

A fault is done to the real parts, never to the judge: what is planted is what an operator's fault or
a broken node would leave behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.demo.stage import Stage

STALE_GUARD = "#!/bin/sh\necho inforce=1,a,stale\n"


class Fault:
    """No fault: the accidents of the story as they are, and nothing beside them."""

    name = ""
    catches: tuple[str, ...] = ()
    """The claims of which at least one must fail."""

    def before_story(self, stage: Stage) -> None:
        """Plant something before the activation."""

    def before_switchover(self, stage: Stage) -> None:
        """Plant something while writes flow."""

    def before_power_cut(self, stage: Stage) -> None:
        """Plant something after the planned switch."""

    def cut_power(self, stage: Stage, node: str) -> None:
        """Cut the power of a node."""
        stage.bed.nodes[node].power_cut()

    def power_returns(self, stage: Stage, node: str) -> None:
        """Give the power back."""
        stage.bed.nodes[node].power_on()

    def after_story(self, stage: Stage) -> None:
        """Plant something in what the parts left behind."""


class LyingBmc(Fault):
    """The BMC says off while the node runs on, cut off from everybody but its power."""

    name = "lying-bmc"
    catches = ("fence-was-true",)

    @override
    def cut_power(self, stage: Stage, node: str) -> None:
        """Cut the network instead, and let the BMC lie."""
        stage.bed.bmcs[node].set_mode("lying")
        stage.bed.nodes[node].cut("both")

    @override
    def power_returns(self, stage: Stage, node: str) -> None:
        """Heal the network: the node was never off."""
        stage.bed.bmcs[node].set_mode("honest")
        stage.bed.nodes[node].heal()


class NoGuard(Fault):
    """Node b's gates are gone and its services start at boot by themselves."""

    name = "no-guard"
    catches = ("returner-started-nothing", "one-writer")

    @override
    def before_power_cut(self, stage: Stage) -> None:
        """Take the gates away and start the services at boot."""
        stage.bed.nodes["b"].run(
            "set -e\n"
            "rm -rf /etc/systemd/system/maestro-db.service.d /etc/systemd/system/maestro.service.d\n"
            "mkdir -p /etc/systemd/system/multi-user.target.wants\n"
            "for unit in maestro-db.service maestro.service; do\n"
            "  ln -sf /etc/systemd/system/$unit /etc/systemd/system/multi-user.target.wants/$unit\n"
            "done\n"
            "sync\n"
        )


class TornCopy(Fault):
    """The standby's copies lost files after they were committed."""

    name = "torn-copy"
    catches = ("files-and-rows-agree",)

    @override
    def cut_power(self, stage: Stage, node: str) -> None:
        """Cut the power, and tear every copy on the other node before it is promoted."""
        stage.bed.nodes[node].power_cut()
        survivor = "a" if node == "b" else "b"
        stage.bed.nodes[survivor].run(
            "for copy in /srv/.maestro-replica/generations/*; do\n"
            "  btrfs property set $copy ro false\n"
            "  find $copy/files/lui/records -name '*.json' | sort | head -n 20 | xargs rm -f\n"
            "  btrfs property set $copy ro true\n"
            "done\n"
        )


class FrozenDns(Fault):
    """The name server confirms updates and goes on telling what was true before."""

    name = "frozen-dns"
    catches = ("names-followed",)

    @override
    def before_switchover(self, stage: Stage) -> None:
        """Freeze the zone."""
        stage.bed.dns.freeze()


class LostAck(Fault):
    """A client was told that a record is stored, and it is nowhere."""

    name = "lost-ack"
    catches = ("switchovers-lost-nothing",)

    @override
    def after_story(self, stage: Stage) -> None:
        """Let a record that was acknowledged under the last epoch vanish from the active node."""
        stage.bed.nodes["b"].run(
            "find /srv/maestro/files/lui/records -name '*.json' | sort | tail -n 5 | head -n 1 | xargs rm -f; sync"
        )


class TwoWriters(Fault):
    """Somebody starts the services on the standby by hand, past the guard, and a client finds them."""

    name = "two-writers"
    catches = ("one-writer",)

    @override
    def before_power_cut(self, stage: Stage) -> None:
        """Run a second copy of the application on node a, on a snapshot of its own data.

        The operator would stop it within a second, so it is gone while that is done.
        """
        stage.operator.stop()
        stage.bed.nodes["a"].run(
            "set -e\n"
            "newest=$(ls -d /srv/.maestro-replica/generations/* | sort -V | tail -n 1)\n"
            "btrfs subvolume snapshot $newest /srv/maestro\n"
            "rm -rf /etc/systemd/system/maestro-db.service.d /etc/systemd/system/maestro.service.d\n"
            "systemctl daemon-reload\n"
            "systemctl start maestro-db.service maestro.service\n",
            timeout_seconds=60,
        )
        address = stage.bed.nodes["a"].address
        stage.start_client("c2", url=f"http://{address}/lui/record")
        stage.await_writes("c2", more=10, seconds=30)

    @override
    def cut_power(self, stage: Stage, node: str) -> None:
        """Cut nothing more: the harm is done, and the story ends here."""
        del stage, node
        raise HarmDoneError("two nodes were made to write")


class StaleEpoch(Fault):
    """After the failover the application on node a goes on under an epoch that is over."""

    name = "stale-epoch"
    catches = ("one-writer",)

    @override
    def before_power_cut(self, stage: Stage) -> None:
        """Let the application on node a be told an old epoch."""
        node = stage.bed.nodes["a"]
        node.push("/usr/local/bin/stale-guard", STALE_GUARD.encode(), mode=0o755)
        node.run("sed -i 's|^guard=.*|guard=/usr/local/bin/stale-guard|' /etc/maestro-standin/maestro.conf; sync")


class HarmDoneError(Exception):
    """A fault ended the story by design; what is left is to judge."""


FAULTS: dict[str, Callable[[], Fault]] = {
    fault.name: fault for fault in (Fault, LyingBmc, NoGuard, TornCopy, FrozenDns, LostAck, TwoWriters, StaleEpoch)
}
