"""One connection to the API server, with every call bounded in time."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from typing import TYPE_CHECKING

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.config import ConfigException

from maestro_operator.model.errors import ApiTrouble, MaestroError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from maestro_operator.clock import Clock

CALL_SECONDS = 5.0
"""No call to the API server is waited for longer than this."""
NOT_FOUND = 404
CONFLICT = 409
TOO_MANY, SERVER_FAULTS = 429, 500
"""What the API server answers when it cannot now."""


class CannotConnect(MaestroError):
    """There is no usable way to the API server: neither a kubeconfig nor a ServiceAccount."""


async def connect(kubeconfig: Path | None) -> client.ApiClient:
    """Return a client for a kubeconfig file, or for the cluster this process runs in.

    Raises:
        CannotConnect: neither a usable kubeconfig nor a ServiceAccount is there.

    """
    _be_there(kubeconfig)
    configuration = client.Configuration()
    try:
        if kubeconfig is not None:
            await config.load_kube_config(
                config_file=str(kubeconfig), client_configuration=configuration, persist_config=False
            )
        else:
            config.load_incluster_config(client_configuration=configuration)
    except (ConfigException, OSError) as error:
        raise CannotConnect(f"{kubeconfig or 'the ServiceAccount of this pod'}: {error}") from error
    return client.ApiClient(configuration)


def _be_there(kubeconfig: Path | None) -> None:
    """Refuse a file that is missing, in better words than the client has."""
    if kubeconfig is not None and not kubeconfig.is_file():
        raise CannotConnect(f"there is no kubeconfig at {kubeconfig}")


@contextlib.contextmanager
def trouble_told() -> Iterator[None]:
    """Turn what a server or a network in trouble does to a call into one kind of error.

    Raises:
        ApiTrouble: there was no answer, or one that says that there cannot be one now.

    """
    try:
        yield
    except ApiException as error:
        if error.status == TOO_MANY or (error.status or 0) >= SERVER_FAULTS:
            raise ApiTrouble(f"{error.status} {error.reason}") from error
        raise
    except TimeoutError as error:
        raise ApiTrouble("no answer in time") from error
    except (OSError, aiohttp.ClientError) as error:
        raise ApiTrouble(str(error) or type(error).__name__) from error


def identity() -> str:
    """Return a name for this process that no other one has, for the Lease."""
    return f"{os.uname().nodename}-{os.getpid()}-{os.urandom(4).hex()}"


def moment(clock: Clock) -> datetime:
    """Return the wall clock's moment in the one form that the API server reads as a MicroTime.

    It demands six digits behind the dot, and the client writes none for a whole second.
    """
    now = datetime.fromisoformat(clock.now())
    return now if now.microsecond else now.replace(microsecond=1)


__all__ = [
    "CALL_SECONDS",
    "CONFLICT",
    "NOT_FOUND",
    "ApiException",
    "CannotConnect",
    "connect",
    "identity",
    "moment",
    "trouble_told",
]
