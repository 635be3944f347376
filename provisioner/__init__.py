"""What runs: runtimes, the operations that change them, and the landscapes that build them."""
