"""The same work done by vch and by its peers, side by side: `python -m benchmarks [NAME ...]`."""
