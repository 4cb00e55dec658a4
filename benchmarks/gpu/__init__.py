"""`make benchmark-gpu`: all there is to measure on a machine with a GPU, in less than 8 minutes.

Each library runs in a process of its own, which prints a line of JSON for each `Row` and stops when
the time is up. What times networks needs NumPy and the library alone; where there is no GPU, or not
enough time, a row says so and has no number.
"""
