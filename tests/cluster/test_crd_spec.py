"""What people may write: every rule on spec tried on a real API server, good and bad, and its words read."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from support.bed.description import Account, Identity
from support.controlplane import ControlPlane
from support.manifests import CRD_PATH, EXAMPLES, Manifest, Rule, changed, demo_pair, example, rules, schema
from support.pair_api import PairApi

FEWEST_WORDS = 4
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
DEVICE = {"agent": "fence_ipmilan", "identity": "one", "parameters": {"ip": "192.0.2.99"}}
ALIAS = {"name": "www.example.org", "type": "CNAME", "values": {"a": "a.example.org.", "b": "b.example.org."}}
FLOATING = {"address": "192.0.2.80", "prefixLength": 24, "interface": "eth0"}
HOST = {"host": "gate.example.org", "hostKey": "ssh-ed25519 AAAA", "credentialsSecret": {"name": "gate-ssh"}}
TRANSLATION = {"address": "198.51.100.80", "ssh": HOST}
PROGRAMS = {"ssh": HOST, "read": ["/usr/local/sbin/where"], "move": ["/usr/local/sbin/to", "{{ address }}"]}
LINES = {"file": "/etc/aliases", "lines": ["listserv: postmaster"]}
ANSWER = {"episode": "failover-2", "say": "AcceptLoss"}


def base() -> Manifest:
    (pair,) = example("maestro-linux.yaml")
    return pair


def but(**changes: object) -> Manifest:
    """Returns the example with changes; `nodes__0__address` is spec.nodes[0].address, `...` removes."""
    pair = base()
    for path, value in changes.items():
        pair = changed(pair, f"spec.{path.replace('__', '.')}", value)
    return pair


WITNESS: Manifest = {
    "ssh": {
        "name": "third",
        "host": "witness.example.net",
        "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHd3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3",
        "credentialsSecret": {"name": "witness-ssh"},
    }
}
METRICS: Manifest = {"prometheus": {"name": "metrics", "url": "http://prometheus.example.net:9090", "query": "up"}}


@dataclass(frozen=True)
class Case:
    """One object that a rule refuses, and one beside it that it does not."""

    path: str
    """Where the rule stands; with `words` it names exactly one rule."""
    words: str
    """What the rule's message says for certain: the field."""
    bad: Manifest
    good: Manifest
    remedy: str
    """What the answer must tell to write."""
    field: str = ""
    """The path of the field in the answer."""


def case(path: str, words: str, *, bad: Manifest, good: Manifest, remedy: str, field: str = "") -> Case:
    return Case(
        path=path, words=words, bad=bad, good=good, remedy=remedy, field=field or path.split("[", maxsplit=1)[0]
    )


def nested(word: str, fields: Manifest) -> Manifest:
    """A kind of check, with what a test mailing needs beside its trigger."""
    if word != "mailing.trigger":
        return {word: fields}
    mailbox = {"host": "mail.example.org", "secret": {"name": "mailbox"}}
    return {"mailing": {"subject": "Verification", "trigger": fields, "mailbox": mailbox}}


LOGIN: Manifest = {
    "path": "/lui/login",
    "userField": "user",
    "passwordField": "password",
    "secret": {"name": "login"},
    "page": "/lui/",
    "pattern": "Mail Jobs",
}
NODES = "spec.nodes[]"
RUNG = "spec.nodes[].fencing[]"
DEVICES = "nodes__0__fencing__1__devices"
RSYNC = "spec.replication.rsync"
DRBD = "spec.replication.drbd"
MIRROR = {"resource": "r0", "disk": "/dev/vdb", "mount": "/srv/maestro"}


def mirrored(**fields: object) -> Manifest:
    """Returns the pair with a mirror in the place of its copies."""
    return but(replication={"drbd": {**MIRROR, **fields}})


MACHINE = "spec.replication.virtualMachine"


def in_a_machine(**changes: object) -> Manifest:
    """Returns the pair that is one virtual machine, with changes as `but` makes them."""
    (pair,) = example("maestro-in-a-virtual-machine.yaml")
    for path, value in changes.items():
        pair = changed(pair, f"spec.{path.replace('__', '.')}", value)
    return pair


KUBEVIRT: Manifest = {
    "name": "maestro",
    "uid": "6f1c2f4e-8a44-4d0e-9b1c-0c5d1a2b3c4d",
    "hosts": {"a": "node-a", "b": "node-b"},
}


def in_a_cluster(**fields: object) -> Manifest:
    """Returns the pair whose machine KubeVirt keeps, on hosts that nobody reaches by SSH."""
    pair = in_a_machine(replication={"virtualMachine": {"address": "192.0.2.30", "kubevirt": {**KUBEVIRT, **fields}}})
    for node in pair["spec"]["nodes"]:
        del node["ssh"]
    return pair


SHARED = "spec.replication.sharedDisk"
ON_A_SAN = {
    "disk": "/dev/disk/by-id/wwn-0x6001405000000001",
    "identity": "60014050000000010000000000000001",
    "mount": "/srv/maestro",
}


def shared(**fields: object) -> Manifest:
    """Returns the pair with one disk for both nodes in the place of its copies."""
    return but(replication={"sharedDisk": {**ON_A_SAN, **fields}})


COMMAND = "spec.replication.command"
PRODUCT: Manifest = {
    "data": "/var/lib/postgresql/15/main",
    "standbyUnit": "postgresql-standby.service",
    **{verb: {"program": f"/usr/local/lib/product/{verb}"} for verb in ("status", "lag", "promote", "demote")},
}


def replicating(**fields: object) -> Manifest:
    """Returns the pair with a product that replicates itself in the place of its copies."""
    return but(replication={"command": {**PRODUCT, **fields}}, failover__maxDataLossSeconds=300)


CHECK = {"name": "both", "http": {}, "log": {"path": "/x", "fail": ["x"]}}

REPORTS = {"folder": "/opt/hub/logs", "paths": ["/opt/hub/backup", "/opt/lui/backup"]}
WAYS: tuple[Manifest, ...] = (
    {"lvm": {"volume": "vg0/srv"}},
    {"zfs": {"dataset": "tank/srv"}},
    {"freeze": {}},
    {"command": {"program": "/usr/local/sbin/copy-of-one-moment"}},
)
CASES = (
    case(
        "spec",
        "activeNode must be",
        bad=but(activeNode="c"),
        good=but(activeNode="b"),
        remedy="activeNode is c, which is neither of the two nodes: write a or b",
        field="spec.activeNode",
    ),
    case(
        "spec",
        "of must name one of the two nodes",
        remedy="write a or b",
        field="spec.answers",
        bad=but(answers=[{**ANSWER, "say": "ConfirmFenced", "of": "c"}]),
        good=but(answers=[{**ANSWER, "say": "ConfirmFenced", "of": "a"}]),
    ),
    case(
        "spec",
        "ssh.host is a name that traffic",
        bad=but(nodes__0__ssh__host="lists.example.org"),
        good=but(nodes__0__ssh__host="lists-a.example.org"),
        remedy="write a host name or address that stays",
        field="spec.nodes",
    ),
    case(
        "spec",
        "ssh.host is a name that traffic",
        field="spec.nodes",
        remedy="stays with the node",
        bad=changed(
            but(nodes__1__ssh__host="pinned.example.org"), "spec.localise.0.hostsPin.names.0", "pinned.example.org"
        ),
        good=but(nodes__1__ssh__host="pinned.example.org"),
    ),
    case(
        "spec",
        "failover.maxDataLossSeconds is too small",
        bad=but(failover__maxDataLossSeconds=239),
        good=but(failover__maxDataLossSeconds=240),
        remedy="is 239, ",
        field="spec.failover.maxDataLossSeconds",
    ),
    case(
        "spec",
        "failover.maxDataLossSeconds is too small",
        remedy="write 330 or more, or automatic: Disabled",
        bad=but(failover__maxDataLossSeconds=0, detection__downForSeconds=90, replication__rsync__intervalSeconds=90),
        good=but(failover__maxDataLossSeconds=0, failover__automatic="Disabled"),
        field="spec.failover.maxDataLossSeconds",
    ),
    case(
        "spec",
        "detection.vantagePoints must be at least two",
        bad=but(detection__vantagePoints=[{"peer": {}}]),
        good=changed(but(detection__vantagePoints=[{"peer": {}}]), "spec.failover.automatic", "Disabled"),
        remedy="write operator: {} and peer: {}",
        field="spec.detection.vantagePoints",
    ),
    case(
        "spec",
        "fencing of each node needs",
        bad=but(nodes__1__fencing__1=...),
        good=changed(but(nodes__1__fencing__1=...), "spec.failover.automatic", "Disabled"),
        remedy="add such a rung to both nodes",
        field="spec.nodes",
    ),
    case(
        "spec",
        "fencing of each node needs",
        bad=but(nodes__0__fencing=...),
        good=base(),
        remedy="add such a rung to both nodes",
        field="spec.nodes",
    ),
    case(
        "spec",
        "platform Windows and Solaris",
        bad=but(nodes__0__platform="Windows"),
        good=changed(but(nodes__0__platform="Windows"), "spec.failover.automatic", "Disabled"),
        remedy="write failover.automatic: Disabled",
        field="spec.failover.automatic",
    ),
    case(
        "spec",
        "platform Windows and Solaris",
        bad=but(nodes__1__platform="Solaris"),
        good=changed(but(nodes__1__platform="Solaris"), "spec.failover.automatic", "Disabled"),
        remedy="write failover.automatic: Disabled",
        field="spec.failover.automatic",
    ),
    case(
        "spec.answers[]",
        "of is needed",
        bad=but(answers=[ANSWER]),
        good=but(answers=[{**ANSWER, "of": "120"}]),
        remedy="write the seconds for AcceptLoss",
        field="spec.answers[0].of",
    ),
    case(
        "spec.answers[]",
        "of is needed",
        bad=but(answers=[{**ANSWER, "say": "ConfirmFenced"}]),
        good=but(answers=[{**ANSWER, "say": "HandBack"}]),
        remedy="the node for ConfirmFenced",
        field="spec.answers[0].of",
    ),
    case(
        "spec.answers[]",
        "of is an amount",
        bad=but(answers=[{**ANSWER, "of": "2 minutes"}]),
        good=but(answers=[{**ANSWER, "of": "120s"}]),
        remedy="write whole seconds",
        field="spec.answers[0].of",
    ),
    case(
        "spec.nodes",
        "the same address",
        bad=but(nodes__1__address="192.0.2.10"),
        good=but(nodes__1__address="192.0.2.11"),
        remedy="write each node's own address",
    ),
    case(
        "spec.nodes",
        "the same ssh.host:",
        bad=but(nodes__1__ssh__host="lists-a.mgmt.example.org"),
        good=but(nodes__1__ssh__host="192.0.2.20"),
        remedy="write each node's own host name",
    ),
    case(
        "spec.nodes",
        "is the address of the other",
        bad=but(nodes__0__ssh__host="192.0.2.20"),
        good=but(nodes__0__ssh__host="192.0.2.10"),
        remedy="write each node's own host name or address in ssh.host",
    ),
    case(
        "spec.nodes",
        "the same ssh.hostKey",
        bad=changed(but(nodes__0__ssh__hostKey=KEY), "spec.nodes.1.ssh.hostKey", KEY),
        good=but(nodes__1__ssh__hostKey=KEY),
        remedy="make a new host key on one of them",
    ),
    case(
        "spec.nodes",
        "stands under both nodes",
        bad=changed(but(**{f"{DEVICES}__1": DEVICE}), "spec.nodes.1.fencing.1.devices.1", DEVICE),
        good=but(**{f"{DEVICES}__1": DEVICE}),
        remedy="write the serial number or UUID",
    ),
    case(
        "spec.nodes[].address",
        "address must be an IP address",
        bad=but(nodes__0__address="lists.example.org"),
        good=but(nodes__0__address="2001:db8::1"),
        remedy="write names in traffic",
        field="spec.nodes[0].address",
    ),
    case(
        "spec.nodes[].address",
        "address must be an IP address",
        bad=but(nodes__0__address="2001:db8:0::1"),
        good=but(nodes__0__address="2001:db8::1"),
        remedy="in its shortest form",
        field="spec.nodes[0].address",
    ),
    case(
        "spec.nodes[].fencing",
        "the rung human waits",
        bad=but(nodes__0__fencing__3={"name": "late", "devices": [DEVICE]}),
        good=but(nodes__0__fencing__2={"name": "late", "devices": [DEVICE]}),
        remedy="write it as the last rung",
        field="spec.nodes[0].fencing",
    ),
    case(
        RUNG,
        "devices must be left out",
        bad=but(nodes__0__fencing__0__devices=[DEVICE]),
        good=but(nodes__0__fencing__0__devices=[]),
        remedy="give the devices a rung of another name",
        field="spec.nodes[0].fencing[0].devices",
    ),
    case(
        RUNG,
        "devices must be left out",
        bad=but(nodes__0__fencing__2__devices=[DEVICE]),
        good=base(),
        remedy="give the devices a rung of another name",
        field="spec.nodes[0].fencing[2].devices",
    ),
    case(
        RUNG,
        "devices is needed",
        bad=but(nodes__0__fencing__0__name="switch"),
        good=changed(but(nodes__0__fencing__0__name="switch"), "spec.nodes.0.fencing.0.devices", [DEVICE]),
        remedy="name at least one device",
        field="spec.nodes[0].fencing[0].devices",
    ),
    *(
        case(
            f"{RUNG}.devices[]",
            "parameters shows in status",
            bad=but(**{f"{DEVICES}__0__parameters": {"ip": "x", key: "x"}}),
            good=but(**{f"{DEVICES}__0__parameters": {"ip": "x", "username": "x"}}),
            remedy="into a Secret",
            field="spec.nodes[0].fencing[1].devices[0].parameters",
        )
        for key in ("password", "passwd", "passwd_script", "snmp_priv_passwd", "identity_file", "community", "api_key")
    ),
    *(
        case(
            f"{RUNG}.devices[]",
            "parameters may not set action",
            bad=but(**{f"{DEVICES}__0__parameters": {"ip": "x", key: "x"}}),
            good=but(**{f"{DEVICES}__0__parameters": {"ip": "x", "port": "x"}}),
            remedy="remove the parameter",
            field="spec.nodes[0].fencing[1].devices[0].parameters",
        )
        for key in ("action", "method", "missing_as_off", "missing-as-off", "delay", "port_as_ip", "exec")
    ),
    case(
        "spec.nodes[].ssh",
        "hostKey must be the node's public host key",
        bad=but(nodes__0__ssh__hostKey=f"lists-a {KEY}"),
        good=but(nodes__0__ssh__hostKey=f"{KEY} root@lists-a"),
        remedy="write type and base64 as ssh-keyscan prints them",
        field="spec.nodes[0].ssh.hostKey",
    ),
    case(
        "spec.nodes[].ssh",
        "host must be a host name",
        bad=but(nodes__0__ssh__host="root@lists-a:22"),
        good=but(nodes__0__ssh__host="2001:db8::5"),
        remedy="write the user in user and the port in port",
        field="spec.nodes[0].ssh.host",
    ),
    *(
        case(
            f"spec.{path}[].http",
            "path must begin with one /",
            bad=but(**{f"{path.replace('[]', '__0').replace('.', '__')}": [{**more, "http": {"path": bad}}]}),
            good=but(**{f"{path.replace('[]', '__0').replace('.', '__')}": [{**more, "http": {"path": "/x?y=//z"}}]}),
            remedy="write the path alone",
            field=f"spec.{path.replace('[]', '[0]')}[0].http.path",
        )
        for path, more in (
            ("services[].readiness", {}),
            ("detection.probes", {}),
            ("verification", {"name": "url"}),
        )
        for bad in ("http://192.0.2.66/", "//evil.example.org/")
    ),
    case(
        "spec.services[]",
        "unit must be the full name",
        bad=but(services__1__unit="maestro"),
        good=but(services__1__unit="maestro@1.service"),
        remedy="write it with its ending",
        field="spec.services[1].unit",
    ),
    case(
        "spec.services",
        "services names one unit twice",
        bad=but(services__1__unit="mariadb.service"),
        good=but(services__1__unit="mariadb@2.service"),
        remedy="write each unit once",
    ),
    case(
        "spec.services[]",
        "unit may not be",
        bad=but(services__1__unit="maestro-guard.service"),
        good=but(services__1__unit="guard.service"),
        remedy="name the application's own unit",
        field="spec.services[1].unit",
    ),
    case(
        "spec.services[].readiness[]",
        "exactly one kind",
        bad=but(services__0__readiness=[{}]),
        good=but(services__0__readiness=[{"http": {}}]),
        remedy="write either http or tcp",
        field="spec.services[0].readiness[0]",
    ),
    case(
        "spec.detection.probes[]",
        "exactly one kind",
        bad=but(detection__probes=[{"http": {}, "tcp": {"port": 1}}]),
        good=but(detection__probes=[{"tcp": {"port": 1}}]),
        remedy="write one of http, tcp, icmp, https, smtp, tcpgui, command",
        field="spec.detection.probes[0]",
    ),
    case(
        "spec",
        "services is missing",
        bad=but(services=...),
        good=in_a_machine(),
        remedy="write the units of the application",
        field="spec.services",
    ),
    case(
        "spec",
        "services are started on trial on copies by rsync alone",
        bad=but(rehearsals={"startTest": {}}, replication={"drbd": MIRROR}),
        good=but(rehearsals={"startTest": {"bounces": ["nobody@example.net"], "names": ["relay.example.net"]}}),
        remedy="take rehearsals.startTest out, and use drills",
        field="spec.rehearsals.startTest",
    ),
    case(
        "spec",
        "a virtual machine takes its services",
        bad=in_a_machine(services=base()["spec"]["services"]),
        good=in_a_machine(),
        remedy="take services, traffic, localise, backup, spool, versions and rehearsals out",
        field=MACHINE,
    ),
    case(
        "spec.replication.virtualMachine",
        "a virtual machine is kept in exactly one way",
        bad=in_a_machine(replication__virtualMachine__kubevirt=KUBEVIRT),
        good=in_a_cluster(),
        remedy="write libvirt or kubevirt",
        field=MACHINE,
    ),
    case(
        "spec",
        "ssh is how a node is reached",
        bad=in_a_machine(nodes__0__ssh=...),
        good=in_a_cluster(),
        remedy="write it for each node",
        field="spec.nodes",
    ),
    case(
        "spec",
        "hosts are by node, and two",
        bad=in_a_cluster(hosts={"a": "node-a", "b": "node-a"}),
        good=in_a_cluster(),
        remedy="write the names of the two nodes as keys, and another host for each",
        field=f"{MACHINE}.kubevirt.hosts",
    ),
    case(
        "spec",
        "a virtual machine's hosts are Linux",
        bad=in_a_machine(nodes__0__fencing=[{"name": "human"}]),
        good=in_a_machine(),
        remedy="take fencing out of nodes",
        field="spec.nodes",
    ),
    case(
        "spec",
        "a virtual machine's hosts are Linux",
        bad=in_a_machine(nodes__0__platform="Solaris"),
        good=in_a_machine(nodes__0__platform="Linux"),
        remedy="leave platform at Linux",
        field="spec.nodes",
    ),
    case(
        "spec",
        "a virtual machine's cluster decides",
        bad=in_a_machine(failover={"automatic": "Enabled"}),
        good=in_a_machine(failover={"automatic": "Disabled"}),
        remedy="write failover.automatic: Disabled",
        field="spec.failover.automatic",
    ),
    case(
        "spec",
        "there is nothing of a virtual machine",
        bad=in_a_machine(answers=[{"episode": "follow-1", "say": "FailOver"}]),
        good=in_a_machine(answers=[{"episode": "follow-1", "say": "HandBack"}]),
        remedy="write HandBack, Retry, ConfirmFenced or Acknowledge",
        field="spec.answers",
    ),
    case(
        "spec",
        "a virtual machine is checked from outside",
        bad=in_a_machine(verification=[{"name": "up", "tcp": {"port": 80}}]),
        good=in_a_machine(verification=[{"name": "up", "http": {"path": "/hub"}}]),
        remedy="write checks of kind http or login",
        field="spec.verification",
    ),
    case(
        "spec",
        "migrationUris are by node",
        bad=in_a_machine(
            replication__virtualMachine__libvirt__migrationUris={
                "a": "qemu+ssh://host-a/system",
                "c": "qemu+ssh://host-b/system",
            }
        ),
        good=in_a_machine(),
        remedy="write the names of the two nodes as keys",
        field=f"{MACHINE}.libvirt.migrationUris",
    ),
    case(
        MACHINE,
        "address must be an IP address",
        bad=in_a_machine(replication__virtualMachine__address="lists.example.org"),
        good=in_a_machine(),
        remedy="write the one that the machine takes along",
        field=f"{MACHINE}.address",
    ),
    case("spec.replication", "exactly one driver", bad=but(replication={}), good=base(), remedy="write rsync"),
    case(
        "spec.replication",
        "exactly one driver",
        bad=but(replication__drbd=MIRROR),
        good=mirrored(),
        remedy="drbd, virtualMachine",
    ),
    case(
        "spec.replication",
        "exactly one driver",
        bad=but(replication__sharedDisk=ON_A_SAN),
        good=shared(),
        remedy="sharedDisk or command",
    ),
    case(
        "spec.replication",
        "exactly one driver",
        bad=but(replication__command=PRODUCT),
        good=replicating(),
        remedy="or command",
    ),
    *(
        case(
            f"{COMMAND}.{verb}",
            "program must be a plain absolute path",
            bad=replicating(**{verb: {"program": "/usr/local/../product"}}),
            good=replicating(**{verb: {"program": "/usr/local/lib/p.d/ask", "arguments": [verb, "-x", "a@b:1"]}}),
            remedy="without ..",
            field=f"{COMMAND}.{verb}.program",
        )
        for verb in ("status", "lag", "promote", "demote")
    ),
    case(
        COMMAND,
        "standbyUnit must be the full name",
        bad=replicating(standbyUnit="maestro-replica.service"),
        good=replicating(standbyUnit="postgresql@15-standby.service"),
        remedy="such as postgresql-standby.service",
        field=f"{COMMAND}.standbyUnit",
    ),
    case(
        COMMAND,
        "data must be a plain absolute path",
        bad=replicating(data="/var/lib//postgresql"),
        good=replicating(data="/var/lib/postgresql"),
        remedy="without ..",
        field=f"{COMMAND}.data",
    ),
    case(
        COMMAND,
        "data may not be a folder of the system",
        bad=replicating(data="/var/lib"),
        good=replicating(data="/srv/database"),
        remedy="the one folder of the",
        field=f"{COMMAND}.data",
    ),
    case(
        "spec",
        "standbyUnit is one of services too",
        bad=replicating(standbyUnit=base()["spec"]["services"][0]["unit"]),
        good=replicating(),
        remedy="a unit of its own",
        field="spec.services",
    ),
    case(
        "spec",
        "spool is for a queue that lies in the data",
        bad=changed(replicating(), "spec.spool", {"folders": ["/var/lib/postgresql/15/main/spool"]}),
        good=replicating(),
        remedy="take spool out",
        field="spec.spool",
    ),
    case(
        "spec",
        "a product that replicates itself may lose more",
        bad=changed(replicating(), "spec.failover.maxDataLossSeconds", 149),
        good=changed(replicating(), "spec.failover.maxDataLossSeconds", 150),
        remedy="write 150 or more",
        field="spec.failover.maxDataLossSeconds",
    ),
    case(
        SHARED,
        "mount must be a plain absolute path",
        bad=shared(mount="/srv//maestro"),
        good=shared(mount="/srv/maestro.d"),
        remedy="without ..",
        field=f"{SHARED}.mount",
    ),
    case(
        SHARED,
        "disk must be a path that means the same disk",
        bad=shared(disk="/dev/sdb"),
        good=shared(disk="/dev/disk/by-id/scsi-360014050000000010000000000000001"),
        remedy="below /dev/disk/by-id/",
        field=f"{SHARED}.disk",
    ),
    case(
        DRBD,
        "mount must be a plain absolute path",
        bad=mirrored(mount="/srv/../etc"),
        good=mirrored(mount="/srv/maestro.d"),
        remedy="without ..",
        field=f"{DRBD}.mount",
    ),
    case(
        DRBD,
        "disk must be the device below",
        bad=mirrored(disk="/dev/drbd1"),
        good=mirrored(disk="/dev/mapper/vg0-maestro"),
        remedy="not that of /dev/drbdN",
        field=f"{DRBD}.disk",
    ),
    case(
        f"{RSYNC}.consistency",
        "exactly one way",
        bad=but(replication__rsync__consistency={}),
        good=base(),
        remedy="write btrfs: {}",
    ),
    *(
        case(
            f"{RSYNC}.consistency",
            "exactly one way",
            bad=but(replication__rsync__consistency={"btrfs": {}, **way}),
            good=but(replication__rsync__consistency=way),
            remedy="or plain: {}",
        )
        for way in WAYS
    ),
    case(
        f"{RSYNC}.consistency.lvm",
        "a volume group and a volume",
        bad=but(replication__rsync__consistency={"lvm": {"volume": "vg0/srv..x"}}),
        good=but(replication__rsync__consistency={"lvm": {"volume": "vg0/srv.x"}}),
        remedy="write such as vg0/srv",
        field=f"{RSYNC}.consistency.lvm.volume",
    ),
    case(
        f"{RSYNC}.consistency.zfs",
        "a pool and a dataset",
        bad=but(replication__rsync__consistency={"zfs": {"dataset": "tank/srv..x"}}),
        good=but(replication__rsync__consistency={"zfs": {"dataset": "tank/a/srv.x"}}),
        remedy="write such as tank/srv",
        field=f"{RSYNC}.consistency.zfs.dataset",
    ),
    case(
        f"{RSYNC}.consistency.command",
        "a plain absolute path",
        bad=but(replication__rsync__consistency={"command": {"program": "/usr/../bin/x"}}),
        good=but(replication__rsync__consistency={"command": {"program": "/usr/bin/x"}}),
        remedy="without ..",
        field=f"{RSYNC}.consistency.command.program",
    ),
    case(
        "spec",
        "no whole copy that an automatic failover",
        bad=but(replication__rsync__consistency={"plain": {}}),
        good=changed(but(replication__rsync__consistency={"plain": {}}), "spec.failover.automatic", "Disabled"),
        remedy="or failover.automatic: Disabled",
        field=f"{RSYNC}.consistency",
    ),
    case(
        "spec.spool",
        "folders must be plain absolute paths",
        bad=but(spool={"folders": ["/srv/maestro/../spool"]}),
        good=but(spool={"folders": ["/srv/maestro/spool"]}),
        remedy="without ..",
        field="spec.spool.folders",
    ),
    case(
        "spec.spool",
        "holdProgram must be a plain absolute path",
        bad=but(spool={"folders": ["/srv/maestro/spool"], "holdProgram": "/usr//local/sbin/hold"}),
        good=but(spool={"folders": ["/srv/maestro/spool"], "holdProgram": "/usr/local/sbin/hold"}),
        remedy="without doubled slashes",
        field="spec.spool.holdProgram",
    ),
    case(
        "spec.backup",
        "exactly one way",
        bad=but(backup={"reports": REPORTS, "command": {"program": "/x/newest"}}),
        good=but(backup={"reports": REPORTS}),
        remedy="write reports or command",
    ),
    case(
        RSYNC,
        "paths must be exactly one",
        bad=but(replication__rsync__paths=["/srv/a", "/srv/b"]),
        good=but(replication__rsync__paths=["/srv/a"]),
        remedy="below one path",
        field=f"{RSYNC}.paths",
    ),
    *(
        case(
            RSYNC,
            "paths must begin with /",
            bad=but(replication__rsync__paths=[bad]),
            good=but(replication__rsync__paths=["/srv/lists and more"]),
            remedy="write absolute paths such as /srv/maestro",
            field=f"{RSYNC}.paths",
        )
        for bad in ("srv/maestro", "/srv/$(reboot)", "/srv/a;b", "/srv/*")
    ),
    *(
        case(
            RSYNC,
            "a folder of the system",
            bad=but(replication__rsync__paths=[bad]),
            good=but(replication__rsync__paths=["/srv/maestro"]),
            remedy="write the one folder of the application",
            field=f"{RSYNC}.paths",
        )
        for bad in ("/", "/etc", "/var/lib")
    ),
    case(
        RSYNC,
        "paths overlap",
        bad=but(replication__rsync__paths=["/srv/a", "/srv/a/b"]),
        good=but(replication__rsync__paths=["/srv/a"]),
        remedy="none below another",
        field=f"{RSYNC}.paths",
    ),
    case(
        "spec.traffic[].dns",
        "named only once",
        bad=but(traffic__0__dns__names=["lists.example.org", "lists.example.org"]),
        good=but(traffic__0__dns__names=["lists.example.org", "www.lists.example.org"]),
        remedy="take the repeated one out",
        field="spec.traffic[0].dns.names",
    ),
    case(
        "spec.traffic[].dns",
        "named only once",
        bad=but(traffic__0__dns__servers=["192.0.2.53", "192.0.2.53"]),
        good=but(traffic__0__dns__servers=["192.0.2.53", "192.0.2.54"]),
        remedy="take the repeated one out",
        field="spec.traffic[0].dns.names",
    ),
    case(
        RSYNC,
        "paths must be plain",
        bad=but(replication__rsync__paths=["/srv/../etc"]),
        good=but(replication__rsync__paths=["/srv/..etc"]),
        remedy="without ..",
        field=f"{RSYNC}.paths",
    ),
    case(
        "spec.traffic[]",
        "exactly one kind",
        bad=but(traffic__0__dns=...),
        good=base(),
        remedy="write dns",
        field="spec.traffic[0]",
    ),
    case(
        "spec",
        "addresses and values in traffic are by node",
        bad=but(traffic__0__addresses={"c": "198.51.100.1"}),
        good=but(traffic__0__addresses={"a": "198.51.100.1", "b": "198.51.100.2"}),
        remedy="write the names of the two nodes",
        field="spec.traffic",
    ),
    case(
        "spec.traffic[].addresses",
        "must be IP addresses and differ",
        bad=but(traffic__0__addresses={"a": "198.51.100.1", "b": "198.51.100.1"}),
        good=but(traffic__0__addresses={"a": "198.51.100.1"}),
        remedy="write each node's own",
        field="spec.traffic[0].addresses",
    ),
    case(
        "spec.traffic[].dns",
        "primaries must stand in servers",
        bad=but(traffic__0__dns__primaries=["192.0.2.99"]),
        good=but(traffic__0__dns__resolvers=["192.0.2.99"]),
        remedy="write them so",
        field="spec.traffic[0].dns.primaries",
    ),
    case(
        "spec.traffic[].dns",
        "dns must keep something",
        bad=but(traffic__0__dns__names=...),
        good=but(traffic__0__dns__records=[ALIAS]),
        remedy="write names or records",
        field="spec.traffic[0].dns.names",
    ),
    case(
        "spec.traffic[].dns",
        "loweredTtlSeconds must be less",
        bad=but(traffic__0__dns__loweredTtlSeconds=86400),
        good=but(traffic__0__dns__loweredTtlSeconds=1),
        remedy="write a smaller one",
        field="spec.traffic[0].dns.loweredTtlSeconds",
    ),
    case(
        "spec.traffic[].dns",
        "records must lie in zone",
        bad=but(traffic__0__dns__records=[{**ALIAS, "name": "www.example.net"}]),
        good=but(traffic__0__dns__records=[ALIAS]),
        remedy="take out what is too",
        field="spec.traffic[0].dns.records",
    ),
    case(
        "spec.traffic[].dns.records[]",
        "values must differ",
        bad=but(traffic__0__dns__records=[{**ALIAS, "values": dict.fromkeys("ab", "same.example.org.")}]),
        good=but(traffic__0__dns__records=[ALIAS]),
        remedy="write what each node alone has",
        field="spec.traffic[0].dns.records[0].values",
    ),
    case(
        "spec.traffic[].dns.records[]",
        "must end with a dot",
        bad=but(traffic__0__dns__records=[{**ALIAS, "values": {"a": "a.example.org", "b": "b.example.org"}}]),
        good=but(traffic__0__dns__records=[ALIAS]),
        remedy="write the last dot",
        field="spec.traffic[0].dns.records[0].values",
    ),
    case(
        "spec.traffic[].floatingAddress",
        "address must be an IP address",
        bad=but(traffic__0={"name": "ip", "floatingAddress": {**FLOATING, "prefixLength": 64}}),
        good=but(traffic__0={"name": "ip", "floatingAddress": FLOATING}),
        remedy="write one such as",
        field="spec.traffic[0].floatingAddress.address",
    ),
    case(
        "spec.traffic[].nat",
        "address must be an IP address",
        bad=but(traffic__0={"name": "gate", "nat": {"address": "gate.example.org", "ssh": HOST}}),
        good=but(traffic__0={"name": "gate", "nat": {"address": "198.51.100.80", "ssh": HOST}}),
        remedy="write the public one",
        field="spec.traffic[0].nat.address",
    ),
    *(
        case(
            f"spec.traffic[].{kind}.ssh",
            f"{field} must be",
            bad=but(traffic__0={"name": "gate", kind: {**form, "ssh": {**HOST, field: value}}}),
            good=but(traffic__0={"name": "gate", kind: form}),
            remedy="write",
            field=f"spec.traffic[0].{kind}.ssh.{field}",
        )
        for kind, form in (("nat", TRANSLATION), ("command", PROGRAMS))
        for field, value in (("hostKey", "ssh-ed25519 AAAA\nx"), ("host", "gate.example.org\n"))
    ),
    case(
        "spec.traffic[].externalDNS",
        "resolvers must be IP addresses",
        bad=but(traffic__0={"name": "out", "externalDNS": {"names": ["x.example.org"], "resolvers": ["ns"]}}),
        good=but(traffic__0={"name": "out", "externalDNS": {"names": ["x.example.org"], "resolvers": ["::1"]}}),
        remedy="write each one's address",
        field="spec.traffic[0].externalDNS.resolvers",
    ),
    case(
        "spec.traffic[].command",
        "move must be told where to",
        bad=but(traffic__0={"name": "own", "command": {**PROGRAMS, "move": ["/bin/true"]}}),
        good=but(traffic__0={"name": "own", "command": PROGRAMS}),
        remedy="as one of its words",
        field="spec.traffic[0].command.move",
    ),
    *(
        case(
            f"spec.localise[].{kind}",
            wrong,
            bad=but(localise__0={"name": "mail", kind: {**LINES, **change}}),
            good=but(localise__0={"name": "mail", kind: LINES}),
            remedy="write",
            field=f"spec.localise[0].{kind}.{field}",
        )
        for kind in ("relayRules", "aliases")
        for wrong, field, change in (
            ("file must be a plain", "file", {"file": "/etc/../shadow"}),
            ("lines must be one line", "lines", {"lines": ["a\nb"]}),
        )
    ),
    case(
        "spec.traffic[].dns",
        "servers must be IP addresses",
        bad=but(traffic__0__dns__servers=["ns.example.org"]),
        good=but(traffic__0__dns__servers=["2001:db8::53"]),
        remedy="write each server's address",
        field="spec.traffic[0].dns.servers",
    ),
    case(
        "spec.traffic[].dns",
        "names must lie in zone",
        bad=but(traffic__0__dns__names=["lists.notexample.org"]),
        good=but(traffic__0__dns__names=["example.org", "a.b.example.org"]),
        remedy="names must lie in zone example.org: write names that end in .example.org",
        field="spec.traffic[0].dns.names",
    ),
    case(
        "spec.localise[]",
        "exactly one kind",
        bad=but(localise__0__hostsPin=...),
        good=base(),
        remedy="write one of hostsPin, properties",
        field="spec.localise[0]",
    ),
    case(
        "spec.versions[]",
        "either package or file",
        bad=but(versions=[{"name": "db", "package": "mariadb-server", "file": "/opt/db/version"}]),
        good=but(versions=[{"name": "db", "package": "mariadb-server"}, {"name": "lui", "file": "/opt/lui/version"}]),
        remedy="write either package or file",
        field="spec.versions[0]",
    ),
    case(
        "spec.detection.vantagePoints",
        "write each witness",
        bad=but(detection__vantagePoints=[{"peer": {}}, WITNESS, {"ssh": {**WITNESS["ssh"], "name": "fourth"}}]),
        good=but(detection__vantagePoints=[{"peer": {}}, WITNESS]),
        remedy="with its own host and hostKey",
    ),
    case(
        "spec.detection.vantagePoints",
        "write each Prometheus server once",
        bad=but(
            detection__vantagePoints=[METRICS, {"prometheus": {**METRICS["prometheus"], "name": "again"}}],
        ),
        good=but(detection__vantagePoints=[METRICS, {"peer": {}}]),
        remedy="once",
    ),
    case(
        "spec.detection.vantagePoints",
        "names must differ",
        bad=but(detection__vantagePoints=[WITNESS, {"prometheus": {**METRICS["prometheus"], "name": "third"}}]),
        good=but(detection__vantagePoints=[WITNESS, METRICS]),
        remedy="write another name",
    ),
    case(
        "spec.detection.vantagePoints[].ssh",
        "vantage points of their own",
        bad=but(detection__vantagePoints=[{"peer": {}}, {"ssh": {**WITNESS["ssh"], "name": "peer"}}]),
        good=but(detection__vantagePoints=[{"peer": {}}, WITNESS]),
        remedy="write another name",
        field="spec.detection.vantagePoints[1].ssh.name",
    ),
    case(
        "spec.detection.vantagePoints[].prometheus",
        "vantage points of their own",
        bad=but(detection__vantagePoints=[{"peer": {}}, {"prometheus": {**METRICS["prometheus"], "name": "drbd"}}]),
        good=but(detection__vantagePoints=[{"peer": {}}, METRICS]),
        remedy="write another name",
        field="spec.detection.vantagePoints[1].prometheus.name",
    ),
    case(
        "spec",
        "a witness must be a third machine",
        bad=but(
            detection__vantagePoints=[
                {"peer": {}},
                {"ssh": {**WITNESS["ssh"], "host": base()["spec"]["nodes"][0]["address"]}},
            ]
        ),
        good=but(detection__vantagePoints=[{"peer": {}}, WITNESS]),
        remedy="write another host",
        field="spec.detection.vantagePoints",
    ),
    case(
        "spec.detection.probes[].https",
        "path must begin with one /",
        bad=but(detection__probes=[{"https": {"path": "//elsewhere.example.net/"}}]),
        good=but(detection__probes=[{"https": {"path": "/lui/"}}]),
        remedy="write the path alone",
        field="spec.detection.probes[0].https.path",
    ),
    case(
        "spec.detection.probes[].command",
        "absolute path",
        bad=but(detection__probes=[{"command": {"argv": ["pg_isready"]}}]),
        good=but(detection__probes=[{"command": {"argv": ["/usr/bin/pg_isready"]}}]),
        remedy="write it in full",
        field="spec.detection.probes[0].command.argv",
    ),
    *(
        case(
            f"spec.verification[].{word}",
            "port 80 speaks no TLS",
            bad=but(verification=[{"name": "page", **nested(word, {**fields, "tls": {}})}]),
            good=but(verification=[{"name": "page", **nested(word, {**fields, "tls": {}, "port": 443})}]),
            remedy="write the port of HTTPS, such as 443",
            field=f"spec.verification[0].{word}.port",
        )
        for word, fields in (
            ("http", {}),
            ("login", LOGIN),
            ("click", {}),
            ("mailing.trigger", {"secret": {"name": "trigger"}}),
        )
    ),
    case(
        "spec.detection.vantagePoints",
        "peer: {} once each",
        bad=but(detection__vantagePoints=[{"peer": {}}, {"peer": {}}]),
        good=but(detection__vantagePoints=[{"peer": {}}, {"operator": {}}]),
        remedy="once each",
    ),
    case(
        "spec.detection.vantagePoints[]",
        "exactly one kind",
        bad=but(detection__vantagePoints=[{"peer": {}}, {}]),
        good=base(),
        remedy="write one of operator: {}, peer: {}, ssh, prometheus, drbd",
        field="spec.detection.vantagePoints[1]",
    ),
    case(
        "spec.detection",
        "downForSeconds must be at least",
        bad=but(detection__downForSeconds=6),
        good=but(detection__downForSeconds=7),
        remedy="write 7 or more",
        field="spec.detection.downForSeconds",
    ),
    case(
        "spec.verification[]",
        "exactly one kind",
        bad=but(verification=[CHECK]),
        good=but(verification=[{"name": "one", "http": {}}]),
        remedy="write one of http, tcp, database, log",
        field="spec.verification[0]",
    ),
    case(
        "spec.verification[].log",
        "without patterns",
        bad=but(verification__1__log={"path": "/x"}),
        good=but(verification__1__log={"path": "/x", "ok": ["up"]}),
        remedy="write fail, ok or both",
        field="spec.verification[1].log",
    ),
)


@dataclass(frozen=True)
class Change:
    """One edit of a pair that exists, which a rule refuses."""

    path: str
    words: str
    edit: Callable[[Manifest], Manifest]
    remedy: str
    field: str


def _renamed(pair: Manifest) -> Manifest:
    return changed(changed(pair, "spec.nodes.1.name", "c"), "spec.activeNode", "a")


CHANGES = (
    Change(
        path="spec.nodes",
        words="the names of the nodes cannot change",
        edit=_renamed,
        remedy="keep the names, or delete the resource and create a new one",
        field="spec.nodes",
    ),
    Change(
        path="spec.replication",
        words="the replication driver cannot be exchanged",
        edit=lambda pair: changed(pair, "spec.replication", {}),
        remedy="delete the resource and create a new one",
        field="spec.replication",
    ),
    Change(
        path=RSYNC,
        words="consistency cannot be exchanged between btrfs",
        edit=lambda pair: changed(pair, f"{RSYNC}.consistency", {"lvm": {"volume": "vg0/srv"}}),
        remedy="keep the one that is there",
        field=f"{RSYNC}.consistency",
    ),
)

# What the structural schema alone refuses, and the word by which a person finds the field.
OUT_OF_SHAPE = {
    "one node": (but(nodes__1=...), "spec.nodes"),
    "three nodes": (but(nodes__2={**base()["spec"]["nodes"][0], "name": "c"}), "spec.nodes: Too many"),
    "two nodes of one name": (but(nodes__1__name="a"), "spec.nodes[1]: Duplicate value"),
    "no service": (but(services=[]), "spec.services"),
    "one service twice": (but(services__1__name="mariadb"), "spec.services[1]: Duplicate value"),
    "no device identity": (but(**{f"{DEVICES}__0__identity": ...}), "devices[0].identity: Required value"),
    "an empty device identity": (but(**{f"{DEVICES}__0__identity": ""}), "devices[0].identity"),
    "no host key": (but(nodes__0__ssh__hostKey=...), "spec.nodes[0].ssh.hostKey: Required value"),
    "no real host key": (but(nodes__0__ssh__hostKey="SHA256:abc"), "spec.nodes[0].ssh.hostKey"),
    "a port that is none": (but(nodes__0__ssh__port=65536), "spec.nodes[0].ssh.port"),
    "a unit that is none": (but(services__0__unit="mariadb; reboot"), "spec.services[0].unit"),
    "a unit that is no service": (but(services__0__unit="mariadb.socket"), "spec.services[0].unit"),
    "a host with upper case": (but(nodes__0__ssh__host="Lists-A.example.org"), "spec.nodes[0].ssh.host"),
    "a host with a last dot": (but(nodes__0__ssh__host="lists.example.org."), "spec.nodes[0].ssh.host"),
    "a path that is not absolute": (but(replication__rsync__paths=["srv"]), "spec.replication.rsync.paths"),
    "an agent that is a path": (but(**{f"{DEVICES}__0__agent": "/bin/sh"}), "devices[0].agent"),
    "an unknown word": (but(management="Off"), 'supported values: "Enforce", "Observe", "Paused"'),
    "a misspelt field": (but(activeNodes="a"), 'unknown field "spec.activeNodes"'),
    "a second driver": (but(replication__sharedStorage={}), 'unknown field "spec.replication.sharedStorage"'),
    "no active node": (but(activeNode=...), "spec.activeNode: Required value"),
}


def is_about(rule: Rule, path: str, words: str) -> bool:
    return rule.path == path and words in rule.message


ELSEWHERE = (
    "spec.localise[].properties",
    "spec.localise[].siteConfiguration",
    "spec.verification",
    "spec.verification[].mailing",
)
"""Tried in test_crd_verification.py."""


def stood_on() -> set[Rule]:
    return {rule for rule in rules() if rule.path.startswith("spec") and rule.path not in ELSEWHERE}


def test_every_rule_on_spec_has_a_case_and_every_case_a_rule() -> None:
    named = [(case.path, case.words) for case in CASES] + [(change.path, change.words) for change in CHANGES]

    without_case = [rule for rule in stood_on() if not any(is_about(rule, *name) for name in named)]
    not_one_rule = [name for name in named if sum(is_about(rule, *name) for rule in stood_on()) != 1]

    assert without_case == []
    assert not_one_rule == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.path}: {case.words}")
def test_a_bad_pair_is_refused_with_the_field_and_the_remedy_and_its_good_neighbour_is_taken(
    pairs: PairApi, case: Case
) -> None:
    refused, taken = pairs.create(case.bad, dry_run=True), pairs.create(case.good, dry_run=True)

    assert refused.status == 422
    assert f"{case.field}: " in refused.message
    assert case.remedy in refused.message
    assert (taken.status, taken.message) == (201, "")


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.path}: {change.words}")
def test_what_must_not_change_is_refused_with_the_field_and_the_remedy(pairs: PairApi, change: Change) -> None:
    name = f"kept-{change.path.split('.')[-1]}"
    there = pairs.create(changed(base(), "metadata.name", name)).body

    refused = pairs.replace(change.edit(there))
    taken = pairs.replace(changed(there, "spec.nodes.0.address", "192.0.2.77"))

    assert refused.status == 422
    assert f"{change.field}: " in refused.message
    assert change.words in refused.message
    assert change.remedy in refused.message
    assert taken.is_good, taken.message


@pytest.mark.parametrize("what", OUT_OF_SHAPE)
def test_what_has_no_shape_is_refused_with_the_name_of_the_field(pairs: PairApi, what: str) -> None:
    pair, words = OUT_OF_SHAPE[what]

    refused = pairs.create(pair, dry_run=True)

    assert refused.status in (400, 422)
    assert words in refused.message


def test_the_defaults_are_filled_in(pairs: PairApi) -> None:
    (smallest,) = example("maestro-by-hand.yaml")

    spec = pairs.create(smallest, dry_run=True).body["spec"]

    assert spec["management"] == "Enforce"
    assert spec["failover"] == {
        "automatic": "Disabled",
        "maxDataLossSeconds": 0,
        "blockSeconds": 3600,
        "unverifiedPlatforms": "Refuse",
    }
    assert spec["detection"]["vantagePoints"] == [{"operator": {}}, {"peer": {}}]
    assert spec["nodes"][0]["ssh"]["port"] == 22


@pytest.mark.parametrize("file", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_the_examples_apply(schema_plane: ControlPlane, file: str) -> None:
    said = schema_plane.run_kubectl(
        "apply", "--namespace=pairs", "--dry-run=server", "--validate=strict", "-f", str(EXAMPLES / file)
    )

    assert "created" in said


def test_the_pair_of_the_demo_applies(pairs: PairApi) -> None:
    nodes = {
        name: Identity(name=name, address=f"10.77.0.1{number}", machine_id=name * 32, host_key=KEY[:-1] + name)
        for number, name in enumerate("ab", start=1)
    }
    bmcs = {
        name: Account(
            host="10.77.0.1",
            port=8440 + number,
            username="operator",
            password="kept-out",
            uuid=f"0000-{name}",
            serial=name,
            systems_uri="/redfish/v1/Systems/1",
            authority="/ca.pem",
        )
        for number, name in enumerate("ab", start=1)
    }

    pair = demo_pair(a=nodes["a"], b=nodes["b"], a_bmc=bmcs["a"], b_bmc=bmcs["b"], namespace="pairs")
    taken = pairs.create(pair, dry_run=True)

    assert taken.is_good, taken.message
    assert "kept-out" not in str(pair)


def test_the_server_finds_nothing_to_complain_of_in_the_schema(schema_plane: ControlPlane) -> None:
    said = schema_plane.run_kubectl(
        "get", "-f", str(CRD_PATH), "-o", "jsonpath={range .status.conditions[*]}{.type}={.status} {end}"
    )

    assert sorted(said.split()) == ["Established=True", "NamesAccepted=True"]


def fields(schema: Manifest, path: str) -> Iterator[tuple[str, Manifest]]:
    """Gives every field below a part of the schema, with its path as people write it to `kubectl explain`."""
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}", inner
        yield from fields(inner, f"{path}.{name}")
    for below in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(below, dict):
            yield from fields(below, path)


SPEC = dict(fields(schema()["properties"]["spec"], "spec"))


def test_every_field_of_spec_is_described_in_a_sentence() -> None:
    """It begins as one, ends as one, and says more than the field's own name does."""
    poor = {
        path: words
        for path, field in SPEC.items()
        if not re.fullmatch(r"[A-Z`0-9].*[.]", words := " ".join(str(field.get("description", "")).split()))
        or len(words.split()) < FEWEST_WORDS
    }

    assert len(SPEC) > 200
    assert poor == {}


def test_kubectl_explains_the_whole_spec_and_each_part_of_it(schema_plane: ControlPlane) -> None:
    whole = schema_plane.run_kubectl("explain", "mp.spec", "--recursive")
    part = schema_plane.run_kubectl("explain", "mp.spec.failover.maxDataLossSeconds")

    assert {path.rpartition(".")[2] for path in SPEC} <= set(re.findall(r"^\s+(\w+)\t<", whole, re.MULTILINE))
    assert " ".join(SPEC["spec.failover.maxDataLossSeconds"]["description"].split()) in " ".join(part.split())
