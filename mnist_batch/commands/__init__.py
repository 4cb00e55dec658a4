"""The functions behind the commands: predict, evaluate, train, pack."""
