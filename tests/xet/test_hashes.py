"""The protocol's hashes, against values published with xet-core (merklehash) and in its specification."""

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from tukar.errors import Invalid
from tukar.xet import NO_HASH, HashTree, XetHash, chunk_hash, file_hash, xorb_hash

from .content import noise

NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
NODES = [
    XetHash.parse(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "cfc5d07f6f03c29bbf424132963fe08d19a37d5757aaf520bf08119f05cd56d6",
        "c3e67584b5c4fc2a89837ec39e40f2c8a6bb0b2987ac94cd4b31e5fbdd210a72",
        "0d2beb91b9196929a5ddec9f6e306924ddf4a24268e3e59fd8464738d525af37",
        "adf8773496a9b7319b2e50dc98093f344053b17d8ad37100b9c07d9805988784",
        "4ac202caf347fc1e9c874b1ef6a1c5e619141eb775a6f43f0f0124ccd0060d9e",
        "b3b28636f65c149ea52eb1f94669466f70f033b54cea792824c696ba6ef3c389",
        "0e2c1a002aae913d2c0fc8ddfa4e9e14b7b311b3b0d458726d5d9f6a6318013c",
    )
]

PUBLISHED = [
    ([], "0" * 64, "0" * 64),
    ([0], "0" * 64, "638a6bc391964a85939d48f008e8bdbae6a7975e7ca2d87a3ce2492f4e4d8a4c"),
    (
        [1],
        "cfc5d07f6f03c29bbf424132963fe08d19a37d5757aaf520bf08119f05cd56d6",
        "8e16257caa3fe079d484d872a8975264b2ff683b0d6db9028cc7c0f968a45661",
    ),
    (
        [1, 0],
        "e8660f81494ca836a58e395c1395ef97870ed71e2b113eec1fab6b3361f46dd6",
        "274d92f7e2acebaa2b8d63c0b5e7a4fc15814a606e3e3825d55609e671bcc5d9",
    ),
    (
        [1, 2, 3],
        "71ec1275fca074724e2dd666921b3277c7cee603e4d025bcab2d4050015be2bc",
        "54e55dccc6653c612bdb5576c5d3cb34bb31bc4e100248abccf4c908b3ef7715",
    ),
    (
        [1, 2, 1, 2, 3, 4],
        "52c826f99507aa05d0b45e9837fa1709e0485425cfbcb1e80db3905cf98b3ee9",
        "91d21684db364c8883ab8209fa5eb2e781cf07f37e1fa43e731c30839afe422f",
    ),
    (
        [0, 1, 0, 1, 0],
        "f36c6a6374a567efd36ed087aeb680b57e3af4e0b5b8e7be2593df4cb647a2de",
        "ab2f46d31855e1133b3b5b70e78f841394a648710a208923b221c1a8a0572a1f",
    ),
    (
        list(range(8)),
        "f62abe77e3fb9c954fe52b0028027ddc90c064c45951a4fd2211d87e5c0011db",
        "d1b068be5bbdb38992269e8efe61f601881e39f7a7585fd76883cc6ea5c23b44",
    ),
    (
        [*range(8), 1, 1, 1, 1],
        "e7fc30b73ec9930593f80fe777b334e9d3bb73e45e6a79fa5784b2603446158b",
        "69e1af2fd6023ce133e0d1b90e32d1d42ef79f5a710f2b0accfc3a735e98de9d",
    ),
    (
        [index // 2 for index in range(16)],
        "636c65db520ec16e8166f9ec7a0cf9f74b26369077ac60160ec0221c86bc9f77",
        "6a90ad0d6f5246ac61f1de898c6944c03e14004a1368e6fb23387108c4d039e0",
    ),
    (
        [1] * 32,
        "0a0123c1617921883b7e13902095fcb86676e77c49120c33b233003b0af0e0a6",
        "53af4711fd1d5e5bdc7f931b6be932314d8d673cb16ad2482f6f5222eaf9e63d",
    ),
    (
        list(range(8)) * 8,
        "6554007c9b5d0a5e7918f79596a1b68815c1407535585435f5735db761f21b88",
        "a8640ab81d48854e00078e12b1ea8be5d90be0ffb5f73a15b7009981d093ddd8",
    ),
]


@pytest.mark.parametrize(("nodes", "xorb", "file"), PUBLISHED)
def test_trees_amount_to_the_published_hashes(nodes: list[int], xorb: str, file: str) -> None:
    chunks = [(NODES[index], 100 * index) for index in nodes]
    assert str(xorb_hash(chunks)) == xorb
    assert str(file_hash(chunks)) == file


def test_hash_prints_each_8_bytes_as_a_little_endian_integer() -> None:
    text = "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918"
    assert str(XetHash(bytes(range(32)))) == text
    assert XetHash.parse(text) == bytes(range(32))


@given(st.binary(min_size=32, max_size=32))
def test_hash_parses_what_it_prints(raw: bytes) -> None:
    assert XetHash.parse(str(XetHash(raw))) == raw


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "g" * 64, "A" * 64, "0" * 64 + "\n", "０" * 64])
def test_anything_but_64_hex_digits_is_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        XetHash.parse(text)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_anything_but_32_bytes_is_invalid(size: int) -> None:
    with pytest.raises(Invalid):
        XetHash(bytes(size))


def test_hash_of_a_chunk_is_that_of_any_buffer() -> None:
    data = noise("chunk", 1000)
    assert chunk_hash(data) == chunk_hash(bytearray(data)) == chunk_hash(memoryview(data))
    assert chunk_hash(data) != chunk_hash(data[:-1])


def level_by_level(nodes: list[tuple[XetHash, int]]) -> XetHash:
    """The root as the specification builds it: a whole level at a time."""
    while len(nodes) > 1:
        above, rest = [], nodes
        while rest:
            ends = (
                at for at in range(3, min(9, len(rest)) + 1) if int.from_bytes(rest[at - 1][0][24:], "little") % 4 == 0
            )
            group, rest = rest[: (end := next(ends, 9))], rest[end:]
            lines = "".join(f"{hash_} : {size}\n" for hash_, size in group)
            above.append((XetHash(blake3(lines.encode(), key=NODE_KEY).digest()), sum(size for _, size in group)))
        nodes = above
    return nodes[0][0]


def test_tree_fed_in_order_is_the_tree_built_level_by_level() -> None:
    chunks = [(XetHash(noise(f"chunk {index}", 32)), 1000 * index + 1) for index in range(400)]
    tree = HashTree()
    assert tree.root() == tree.file_hash() == NO_HASH
    for count, (hash_, size) in enumerate(chunks, 1):
        tree.add(hash_, size)
        assert tree.root() == level_by_level(chunks[:count])
