"""The kinds of step, a file each, and the table of links that a chain is made of."""
