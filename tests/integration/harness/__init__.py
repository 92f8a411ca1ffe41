"""Starts the real programs and a real Apache Kafka, plays publisher and subscriber, compares histories."""
