"""vch: a small infrastructure language and its interpreter."""

__version__ = "0.1.0"
