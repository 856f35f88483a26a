"""One API server with the project's schema for every test of this folder that asks for it."""

from collections.abc import Iterator

import pytest

from support.controlplane import ControlPlane
from support.left_connections import left_connections_collected
from support.pair_api import PairApi, install_schema

__all__ = ["left_connections_collected"]

NAMESPACE = "pairs"


@pytest.fixture(scope="session")
def schema_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server of the tests' own, with the CustomResourceDefinition established."""
    with ControlPlane.start(tmp_path_factory.mktemp("schema-plane"), own_processes=True) as plane:
        install_schema(plane)
        plane.ensure_namespace(NAMESPACE)
        yield plane


@pytest.fixture(scope="session")
def pairs(schema_plane: ControlPlane) -> PairApi:
    """Requests about pairs, as admin."""
    return PairApi(schema_plane.admin_kubeconfig, namespace=NAMESPACE)
