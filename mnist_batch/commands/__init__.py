"""What the commands do, as functions of the library: predict, evaluate, train, pack."""
