"""JSON as an attacker writes it where a token or a key set belongs."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = st.sampled_from(["kty", "crv", "n", "e", "x", "y", "kid", "alg", "use", "crit", "b64", "typ"])
WORDS = st.sampled_from(["RS256", "ES256", "none", "RSA", "EC", "one", "b64"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=8,
)
