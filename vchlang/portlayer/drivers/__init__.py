"""Drivers: how the verbs of the kinds are carried out on one platform."""
