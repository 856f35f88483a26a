"""Nodes as the ports take them, for tests in which only their names and addresses matter."""

from maestro_operator.model.pair import SecretReference, Ssh
from maestro_operator.model.status import FrozenNode


def node_at(name: str, address: str) -> FrozenNode:
    """Returns a node that is reached at its address."""
    ssh = Ssh(host=address, host_key="none", credentials_secret=SecretReference(name="none"))
    return FrozenNode(name=name, address=address, ssh=ssh)
