"""What comes in from outside: objects of a bucket or container, the queues that tell of them, events over HTTPS."""
