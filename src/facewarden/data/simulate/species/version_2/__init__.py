"""Instruments and bona fide variety of version 2 of the simulator, one file per family."""
