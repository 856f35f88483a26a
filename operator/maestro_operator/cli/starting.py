"""The verbs of `kubectl maestro` before there is a pair, and whether one is right: `init` and `validate`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import yaml

from maestro_operator.cli.beginning import Beginning, manifest, marked
from maestro_operator.cli.change import CannotError
from maestro_operator.cli.findings import Grade, as_html, as_plain, as_text, summary, warning
from maestro_operator.cli.judging import judged
from maestro_operator.cli.looking import of_the_cluster, of_the_operator, of_the_schema, of_the_secrets
from maestro_operator.cli.pairs import connect, read

if TYPE_CHECKING:
    import argparse

    from maestro_operator.cli.findings import Finding


def init(given: argparse.Namespace) -> None:
    """Print the manifest of a profile, and say how much of it is still to be looked at."""
    told = Beginning(given.name, given.namespace, public_name=given.public_name, a=given.a, b=given.b)
    text = manifest(given.profile, told)
    print(text, end="")
    change, assumed = marked(text)
    print(f"{change} values are yours to change, {assumed} are assumed: look for CHANGE and assumed", file=sys.stderr)


def validate(given: argparse.Namespace) -> None:
    """Judge a pair or a manifest, and print what was found.

    Raises:
        CannotError: something is a problem.

    """
    about, found = _of_a_file(given) if given.file is not None else _of_a_pair(given)
    if given.output == "json":
        print(json.dumps(as_plain(about, found), indent=2, ensure_ascii=False))
    else:
        print(as_html(about, found) if given.output == "html" else as_text(about, found))
    if any(item.grade is Grade.PROBLEM for item in found):
        raise CannotError(f"{about}: {summary(found)}")


def _of_a_pair(given: argparse.Namespace) -> tuple[str, list[Finding]]:
    if given.pair is None:
        raise CannotError("name a pair, or a file by --file")
    if given.static:
        raise CannotError("--static is for a file: a pair is on the API server")
    pair = read(connect(given.kubeconfig), given.namespace, given.pair)
    found = [
        *of_the_cluster(pair.api, pair.namespace),
        *judged(pair.obj),
        *of_the_secrets(pair.api, pair.namespace, pair.obj["spec"]),
        *of_the_operator(pair),
    ]
    return f"{pair.namespace}/{pair.name}", found


def _of_a_file(given: argparse.Namespace) -> tuple[str, list[Finding]]:
    with given.file as file:
        text = file.read()
    document = _only_pair(text)
    found = judged(document)
    change, _ = marked(text)
    if change:
        found.append(warning("manifest", f"{change} values are still marked CHANGE"))
    if given.static:
        found.append(warning("cluster", "the API server was not asked, as --static says: its schema has more rules"))
        return given.file.name, found
    api = connect(given.kubeconfig)
    namespace = given.namespace or (document.get("metadata") or {}).get("namespace") or api.config.namespace
    served = list(of_the_cluster(api, namespace))
    found += served
    if all(item.grade is not Grade.PROBLEM for item in served):
        found += of_the_schema(api, namespace, document)
        found += of_the_secrets(api, namespace, document.get("spec") or {})
    return given.file.name, found


def _only_pair(text: str) -> dict[str, Any]:
    """Return the one MaestroPair of a file; what else stands in it is others' to judge."""
    try:
        documents = [item for item in yaml.safe_load_all(text) if isinstance(item, dict)]
    except yaml.YAMLError as error:
        raise CannotError(f"this is no YAML: {error}") from error
    pairs = [item for item in documents if item.get("kind") == "MaestroPair"] or documents
    if len(pairs) != 1:
        raise CannotError(f"the file holds {len(pairs)} pairs; validate one at a time")
    return pairs[0]
