"""Try on labelled images how a network wants them: scaled, prepared, transposed."""
