"""How far what a run sees and says is from an earlier run, and what looks wrong with it."""
