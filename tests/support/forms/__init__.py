"""Forms of data as people have them, one module a kind: what `docs/formats.md` says of each."""
