"""What a user does. Each act is one transaction, leaves an event, and queues what follows after commit."""
