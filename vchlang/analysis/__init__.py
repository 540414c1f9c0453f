"""From a tree to a checked program, and from that to the elements and handles of one evaluation."""
