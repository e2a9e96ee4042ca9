"""cluvault keeps the projects of Azure Conversational Language Understanding safe and moves them."""

__version__ = "0.1.0"
