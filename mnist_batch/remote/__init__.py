"""Object storage: what lies there, and how it comes to this machine and goes back."""
