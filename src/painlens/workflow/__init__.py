"""The order of the steps, and the files between them."""
