"""What objectives share: the contract, gradient arithmetic, prototypes."""
