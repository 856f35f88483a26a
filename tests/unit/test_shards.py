"""Every pair belongs to exactly one share, and about as many to each."""

from __future__ import annotations

import uuid

import pytest

from maestro_operator.model.shards import Shard

pytestmark = pytest.mark.unit

UIDS = [str(uuid.UUID(int=number)) for number in range(3000)]


@pytest.mark.parametrize("count", [1, 2, 3, 64])
def test_each_pair_belongs_to_exactly_one_share(count: int) -> None:
    shares = [Shard(number, count) for number in range(1, count + 1)]

    assert [sum(share.has(uid) for share in shares) for uid in UIDS] == [1] * len(UIDS)


def test_shares_are_about_equal() -> None:
    sizes = [sum(Shard(number, 3).has(uid) for uid in UIDS) for number in (1, 2, 3)]

    assert max(sizes) / min(sizes) < 1.1


def test_a_share_is_written_as_its_number_of_so_many() -> None:
    assert (Shard.from_words("1/1"), Shard.from_words("2/3")) == (Shard(), Shard(2, 3))


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/65", "a/b", "1/2/3", "-1/2", "1/", "/2"])
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="such as 2/3"):
        Shard.from_words(text)
