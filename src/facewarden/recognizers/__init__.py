"""Face embedders: aligned 112x112 crops in, unit vectors out; one network per file."""
