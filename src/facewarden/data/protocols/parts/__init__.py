"""What protocols share: the contract, transfer between domains."""
