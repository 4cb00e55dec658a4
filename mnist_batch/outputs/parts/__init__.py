"""The parts of an output: what they depend on, and how the finished ones are kept."""
