"""What methods add beside attention and MLP of a frozen transformer."""
