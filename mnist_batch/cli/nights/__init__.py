"""The commands of nights: each is a module of its name."""
