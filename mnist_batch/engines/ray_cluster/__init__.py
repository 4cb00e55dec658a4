"""The engine of a Ray cluster: tasks of Ray predict the parts, one each."""
