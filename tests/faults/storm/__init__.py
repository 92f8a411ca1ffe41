"""Random faults over a running installation, and a judge of what arrived; see tests/faults/README.md."""
