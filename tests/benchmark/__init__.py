"""The rows of tests/bench: real Kafka, the release programs, and sinks and publishers of our own."""
