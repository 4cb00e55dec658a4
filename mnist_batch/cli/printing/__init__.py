"""What the commands print: pages of text, tables and progress, and what runs return."""
