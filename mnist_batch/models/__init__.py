"""Model files, read safely: formats, allowlist, configurations of old Keras versions."""
