"""A module for each norm that the benches compare with PyTorch."""
