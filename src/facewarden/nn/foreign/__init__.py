"""Models of other makers, from an ONNX file or a Python callable: one reader of their cards, one set of probes."""
