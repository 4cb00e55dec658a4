"""Where labels come from: names of folders, and files of labels."""
