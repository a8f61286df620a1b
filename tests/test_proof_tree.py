"""The tree over the archive's events: its hashes are RFC 6962's, and its proofs prove."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.archive.merkle import EMPTY, EMPTY_ROOT, Frontier, Tile, TreeDamaged, extended, leaf_hash, root
from fairlead.archive.proofs import (
    NoSuchProof,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from kept_tree import KeptTree, kept, naive_root, some_leaves

# Certificate Transparency's own leaves and roots.
INPUTS = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
KNOWN = [leaf_hash(bytes.fromhex(text)) for text in INPUTS]
MANY = some_leaves(3_000)
LARGE = kept(some_leaves(70_000))

sizes = st.integers(0, len(MANY))
flips = st.integers(0, 32 * 8 - 1)


def _flipped(hash_: bytes, bit: int) -> bytes:
    return (int.from_bytes(hash_) ^ 1 << bit).to_bytes(32)


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    """Anybody's RFC 6962 code comes to our roots."""
    frontier, _ = extended(EMPTY, KNOWN[:size])
    assert root(frontier).hex() == ROOTS[size - 1]
    assert root(EMPTY) == EMPTY_ROOT == naive_root([])


@given(size=sizes, cuts=st.lists(sizes, max_size=8))
@settings(max_examples=50, deadline=None)
def test_however_the_leaves_come_the_tree_is_the_same(size: int, cuts: list[int]) -> None:
    """Batches of a sync leave no trace in the root, the frontier or the tiles."""
    tree, ends = KeptTree(), sorted(min(cut, size) for cut in cuts)
    for start, end in zip([0, *ends], [*ends, size], strict=True):
        tree.add(MANY[start:end])
    assert root(tree.frontier) == naive_root(MANY[:size])
    assert (tree.frontier, tree.tiles) == (kept(MANY[:size]).frontier, kept(MANY[:size]).tiles)
    assert Frontier.from_bytes(tree.frontier.to_bytes()) == tree.frontier


def test_each_complete_run_of_leaves_is_handed_out_once_as_a_tile() -> None:
    """A store that keeps what it is handed has all that proofs need."""
    tree = kept(MANY)
    assert [*tree.tiles] == [(8, number) for number in range(len(MANY) // 256)]
    assert all(tile == naive_root(MANY[number * 256 : number * 256 + 256]) for (_, number), tile in tree.tiles.items())
    _, tiles = extended(LARGE.frontier, some_leaves(1))
    assert (tiles, LARGE.tiles[16, 0]) == ((), naive_root(LARGE.leaves[:65_536]))
    assert extended(EMPTY, MANY[:256])[1] == (Tile(8, 0, naive_root(MANY[:256])),)


@pytest.mark.parametrize("bytes_kept", [b"", b"\0" * 7, b"\0" * 9, (3).to_bytes(8) + b"x" * 32, b"\xff" * 72])
def test_a_damaged_frontier_is_not_used(bytes_kept: bytes) -> None:
    """What a store lost half of does not become a root."""
    with pytest.raises(TreeDamaged, match="right edge"):
        Frontier.from_bytes(bytes_kept)


@given(size=st.integers(1, 3_000), data=st.data())
@settings(max_examples=60, deadline=None)
def test_an_event_of_the_tree_can_be_proven(size: int, data: st.DataObject) -> None:
    """An inclusion proof holds for its event, number, size and root, and for nothing else."""
    tree = kept(MANY[:size])
    number, whole = data.draw(st.integers(0, size - 1)), root(tree.frontier)
    proof = inclusion_proof(number, size, tree.hashes)
    leaf = MANY[number]
    assert verify_inclusion(proof, leaf=leaf, number=number, size=size, root=whole)
    bit = data.draw(flips)
    for wrong in range(len(proof)):
        bad = [*proof[:wrong], _flipped(proof[wrong], bit), *proof[wrong + 1 :]]
        assert not verify_inclusion(bad, leaf=leaf, number=number, size=size, root=whole)
    assert not verify_inclusion(proof, leaf=_flipped(leaf, bit), number=number, size=size, root=whole)
    assert not verify_inclusion(proof, leaf=leaf, number=number, size=size, root=_flipped(whole, bit))
    assert not verify_inclusion([*proof, leaf], leaf=leaf, number=number, size=size, root=whole)
    assert not proof or not verify_inclusion(proof[:-1], leaf=leaf, number=number, size=size, root=whole)
    other = data.draw(st.integers(-1, size))
    assert other == number or not verify_inclusion(proof, leaf=leaf, number=other, size=size, root=whole)


@given(size=sizes, data=st.data())
@settings(max_examples=60, deadline=None)
def test_that_the_tree_only_grew_can_be_proven(size: int, data: st.DataObject) -> None:
    """A consistency proof holds for its two sizes and roots, and for no others."""
    tree = kept(MANY[:size])
    first, whole = data.draw(st.integers(0, size)), root(tree.frontier)
    older, bit = naive_root(MANY[:first]), data.draw(flips)
    proof = consistency_proof(first, size, tree.hashes)
    assert verify_consistency(proof, first=first, first_root=older, size=size, root=whole)
    for wrong in range(len(proof)):
        bad = [*proof[:wrong], _flipped(proof[wrong], bit), *proof[wrong + 1 :]]
        assert not verify_consistency(bad, first=first, first_root=older, size=size, root=whole)
    assert not verify_consistency(proof, first=first, first_root=_flipped(older, bit), size=size, root=whole)
    assert first == 0 or not verify_consistency(
        proof, first=first, first_root=older, size=size, root=_flipped(whole, bit)
    )
    assert not verify_consistency([*proof, whole], first=first, first_root=older, size=size, root=whole)
    assert not proof or not verify_consistency(proof[:-1], first=first, first_root=older, size=size, root=whole)


def test_every_proof_about_small_trees_holds() -> None:
    """All sizes up to 40, all events, all earlier sizes."""
    for size in range(1, 41):
        tree, whole = kept(MANY[:size]), naive_root(MANY[:size])
        for number in range(size):
            proof = inclusion_proof(number, size, tree.hashes)
            assert verify_inclusion(proof, leaf=MANY[number], number=number, size=size, root=whole)
            proof = consistency_proof(number, size, tree.hashes)
            older = naive_root(MANY[:number])
            assert verify_consistency(proof, first=number, first_root=older, size=size, root=whole)


@given(size=st.integers(1, 70_000), data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_proof_reads_a_few_hundred_hashes_a_level(size: int, data: st.DataObject) -> None:
    """Two runs of a level at most, of any tree, also for a size the tree has outgrown; the tiles give its root."""
    LARGE.asked.clear()
    number = data.draw(st.integers(0, size - 1))
    whole = root(frontier_at(size, LARGE.hashes))
    proof = inclusion_proof(number, size, LARGE.hashes)
    assert verify_inclusion(proof, leaf=LARGE.leaves[number], number=number, size=size, root=whole)
    assert all(count <= 256 and start % 256 == 0 for _, start, count in LARGE.asked)
    assert len(LARGE.asked) <= 3 * (1 + 2)
    assert size > 500 or whole == naive_root(LARGE.leaves[:size])


def test_a_proof_of_what_is_not_there_is_refused() -> None:
    """Nobody gets a proof of an event or a size that the tree does not have."""
    tree = kept(MANY[:10])
    for number in (-1, 10):
        with pytest.raises(NoSuchProof, match="no event"):
            inclusion_proof(number, 10, tree.hashes)
    with pytest.raises(NoSuchProof, match="does not begin"):
        consistency_proof(11, 10, tree.hashes)
    assert not verify_consistency([], first=11, first_root=EMPTY_ROOT, size=10, root=EMPTY_ROOT)
    with pytest.raises(TreeDamaged, match="level 0 from 10 on"):
        inclusion_proof(3, 12, tree.hashes)
