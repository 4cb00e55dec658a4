"""What the machine gives this process: environment, standard streams, memory, and its failures."""
