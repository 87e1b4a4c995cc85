"""What exporters share: the model as a graph, licences, the parity gate, quantization, and the folder."""
