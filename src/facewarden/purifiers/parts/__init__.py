"""What purifiers share: learned restoration, shifts."""
