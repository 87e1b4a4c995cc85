#!/bin/bash
# Installs facewarden; torch first and alone, since whatever asks for torchvision else brings a CUDA build.
set -euo pipefail
python -m pip install --disable-pip-version-check -q torch --index-url "${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}"
python -m pip install --disable-pip-version-check -q "$FACEWARDEN_VERSION"
