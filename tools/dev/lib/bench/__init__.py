"""tools/dev/bench-cpu: which cases there are, measuring them, keeping the
results, judging them and showing them."""
