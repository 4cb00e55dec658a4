"""The history: all nights on one page, made from their folders."""
