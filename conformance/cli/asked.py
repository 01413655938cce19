"""What a call asks for: claims, backends, deviations and a plan, or one line that says what is wrong."""

from __future__ import annotations

import difflib
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace

from conformance import book
from conformance.backends.backend import Backend
from conformance.backends.discovery import choose, names, usable_here
from conformance.backends.interpreter import has_assertions
from conformance.claim import Claim
from conformance.ending import Refusal, say
from conformance.expectations.deviations import Deviations, check, check_backends, load
from conformance.judging.effort import PROFILES, Effort, size_for
from conformance.judging.plan import Plan


class BadCall(Refusal):
    """A call that cannot be followed: one line that says what was not found, and what there is."""


def chosen_claims(patterns: Sequence[str]) -> list[Claim]:
    """The claims whose id matches.  Raises :class:`BadCall` for a pattern that matches none."""
    everything = book.all_claims()
    for pattern in patterns:
        if not any(book.matches(claim.id, [pattern]) for claim in everything):
            raise BadCall(_no_claim(everything, pattern))
    return [claim for claim in everything if book.matches(claim.id, patterns)]


def one_claim(everything: Sequence[Claim], claim_id: str) -> Claim:
    """The claim with that id.  Raises :class:`BadCall`, which names the ids that are near to it."""
    for claim in everything:
        if claim.id == book.written(claim_id):
            return claim
    raise BadCall(_no_claim(everything, claim_id))


def _no_claim(everything: Sequence[Claim], asked: str) -> str:
    ids = [claim.id for claim in everything]
    near = difflib.get_close_matches(book.written(asked.upper()), ids, n=3)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else "'conformance list' shows all ids, from "
        f"{ids[0]} to {ids[-1]}; a pattern is a glob, as in 'GATHER-*'"
    )
    return f"no claim matches {asked!r}: {hint}"


def chosen_backends(options: Namespace) -> list[Backend]:
    """The backends that the options ask for, those that cannot be used with the reason.

    Raises :class:`BadCall` if they are to be used in this process and claims mean nothing here.
    """
    if options.no_supervision and not has_assertions():
        raise BadCall(
            "--no-supervision judges in this process, where -O or PYTHONOPTIMIZE has taken away the "
            "assertions that claims are made of: leave out one of them"
        )
    backends = choose(options.backend, options.loop, apart=True)
    if not options.no_supervision:
        return backends
    # Some need a process of their own.
    return [replace(backend, why_not=usable_here(backend)) for backend in backends]


def planned(options: Namespace, claims: Sequence[Claim], backends: Sequence[Backend]) -> Plan:
    """What the options ask to be judged.  Raises :class:`BadCall` if that is nothing."""
    usable = tuple(backend for backend in backends if backend.why_not is None)
    if backends and not usable:
        raise BadCall(
            "nothing to judge on: "
            + "; ".join(f"{backend.name}: {backend.why_not}" for backend in backends)
        )
    plan = Plan(
        backends=usable,
        claims=tuple(claims),
        libraries=tuple(options.library),
        effort=Effort(
            options.examples or PROFILES[options.profile],
            options.seed,
            options.size or size_for(claims),
        ),
        patience=options.patience,
        deviations=tuple(options.deviations),
    )
    if not plan.size:
        raise BadCall(
            "nothing to judge: none of these claims is stated in "
            f"{' or '.join(options.library) or 'a library'} on "
            f"{', '.join(backend.name for backend in usable) or 'a backend that is installed'}"
        )
    return plan


def known_deviations(options: Namespace) -> Deviations:
    """The deviations on record; a line to standard error for each that does not say what it should.

    Raises ``BadDeviations`` for a file that cannot be used, or one that names no law or no backend.
    """
    deviations = load(options.deviations)
    warnings = list(deviations.warnings)
    check(deviations.entries, book.all_claims())
    if options.deviations:
        # Only what is judged has loops that nobody else knows of.
        loops = getattr(options, "loop", None)
        known = names(loops or (), apart=True)
        warnings += check_backends(deviations.entries, known, every=loops is not None)
    for warning in warnings:
        say(f"conformance {options.name}: warning: {warning}")
    return deviations
