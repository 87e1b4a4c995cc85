"""Error rates of presentation attack detection and face verification, with intervals; NumPy only."""
