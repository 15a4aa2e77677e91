"""tools/dev/peers: RMSNorm of other libraries, as Python users call them."""
