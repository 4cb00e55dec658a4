"""Runs of every night in their folders: gates, drift and history."""
