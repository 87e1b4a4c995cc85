"""Export of a model as a whole: original, graph, gate, quantization, and what was compared."""
