"""What the command line and the Python API offer: one file a public function."""
