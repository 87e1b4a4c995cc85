"""Where networks compute: the devices of this machine."""
