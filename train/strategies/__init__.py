"""How ranks share the work: `strategy.py` says what a strategy is asked, and each one has a module or folder here."""
