"""The executable law of cancellation in Python's async world.

What extensions import, and what changes only with a major version:

- :mod:`conformance.claim`: what a claim is made of (``Claim``, ``law``, ``holds``, ``refuted``,
  ``qualified``, ``not_applicable``, ``antecedent``);
- :mod:`conformance.toolbox.spaces`, :mod:`~conformance.toolbox.instants`,
  :mod:`~conformance.toolbox.waits` and :mod:`~conformance.toolbox.scopes`: what claims draw from,
  cancel at, wait for and are grouped by;
- :mod:`conformance.verdict`: the words of a verdict.

Everything else may change in any version.  The command line and the record are contracts of their
own (``docs/decisions``).
"""
