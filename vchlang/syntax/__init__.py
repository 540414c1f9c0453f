"""From text to a tree: grammar tables, the loop that runs them, nodes, and the printer."""
