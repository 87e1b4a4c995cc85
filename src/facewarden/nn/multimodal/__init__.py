"""Networks that see color, depth and infrared: adapters, fusion, uncertainty, central differences."""
