"""Does MMDG's U find the regions where a sensor is wrong, and does its gate protect the other sensors from them?"""
