"""An independent checker of alert logs: what SPEC.md demands of the input, worked out naively, held against what was published.

Written from the contract alone. It shares nothing with the engine: every window is summed anew from the events at every tick, with integers
and fractions. Rules that go beyond its subset are named, never passed over in silence.
"""
