"""The plan: operations, the choice of them, and their form in a file."""
