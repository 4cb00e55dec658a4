"""Files whatever they hold: opening them, their paths as text, and how they are known again."""
