"""What a server tells of itself: records, metrics, spans."""
