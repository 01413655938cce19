"""``python -m tests.wrong``: which wrong runtimes each law refutes, as a Markdown table.

``tests/test_wrong.py`` judges every pair of it.
"""

from __future__ import annotations

from conformance.judging.collect import all_claims
from tests.wrong.catalogue import wrong_runtimes


def main() -> None:
    """Print the table: a line a law, the wrong runtimes with the library that they break."""
    runtimes = wrong_runtimes()
    laws = [claim for claim in all_claims() if claim.kind == "law"]
    print("| law | is refuted by a runtime in which |")
    print("| --- | --- |")
    for law in laws:
        killers = [f"{each.name} ({each.library})" for each in runtimes if law.id in each.kills]
        print(f"| {law.id} | {'; '.join(killers) or 'NOTHING REFUTES IT'} |")
    print(f"\n{len(laws)} laws, {len(runtimes)} wrong runtimes")


if __name__ == "__main__":
    main()
