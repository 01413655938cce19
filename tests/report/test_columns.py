"""The columns of a matrix on a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from conformance.report.columns import backend_of, blocks, heads_for, short_heads
from conformance.results.runtimes import runtimes_of
from tests.results.samples import BACKENDS

RUNTIMES = [runtime for backend in BACKENDS for _, runtime in runtimes_of(backend)]
LOOPS = ["asyncio+asyncio", "asyncio+debugger", "asyncio+my:debugger", "asyncio+tri", "asyncio+x"]


def test_a_short_head_is_no_other_backends() -> None:
    runtimes = [*RUNTIMES, *LOOPS, *(f"anyio/{loop}" for loop in LOOPS)]
    short = short_heads(runtimes)
    assert max(map(len, short.values())) <= 3
    assert all(short[each] == short.get(f"anyio/{each}", short[each]) for each in runtimes)
    backends = {backend_of(each) for each in runtimes}
    assert len({short[each] for each in runtimes}) == len(backends)


names = st.lists(
    st.sampled_from([*RUNTIMES, *LOOPS]) | st.text(min_size=1).map("asyncio+{}".format),
    min_size=1,
    unique=True,
)


@given(names, st.integers(1, 250), st.integers(0, 40))
def test_every_column_is_in_one_block_and_its_head_fits(
    runtimes: list[str], width: int, margin: int
) -> None:
    heads = heads_for(runtimes, width, margin, 28)
    assert [column.runtime for column in heads.columns] == runtimes
    split = blocks(heads, max(1, width - margin))
    assert [column.runtime for block in split for column in block] == runtimes
    for block in split:
        assert block[0].family
        assert sum(column.width for column in block) <= width - margin or len(block) == 1
        for column in block:
            assert cell_len(column.head) < column.width
