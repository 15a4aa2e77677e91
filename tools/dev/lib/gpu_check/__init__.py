"""Static proof of the quality of GPU kernels; see tools/dev/gpu-check."""
