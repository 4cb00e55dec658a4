"""Who predicts the parts of a run: threads, processes of this machine, or a cluster."""
