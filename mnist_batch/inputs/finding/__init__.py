"""Which files an INPUT names, on this machine or in object storage."""
