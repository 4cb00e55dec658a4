"""What is made of numbers: figures, tables and pages, and the report, a folder of them."""
