"""The pages that are made from the schema and the code are as they are made."""

import pytest

from support.manifests import schema
from support.reference_pages import REFERENCE, pages


@pytest.mark.parametrize("name", pages())
def test_a_made_page_is_as_it_is_made(name: str) -> None:
    assert (REFERENCE / name).read_text() == pages()[name]


def test_every_field_of_the_spec_says_what_it_is() -> None:
    silent = [line for line in pages()["spec.md"].splitlines() if line.startswith("| `") and line.endswith("|  |")]

    assert silent == []
    assert all(f"## {name}\n" in pages()["spec.md"] for name in schema()["properties"]["spec"]["properties"])
