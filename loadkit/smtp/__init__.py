"""The SMTP conversation as values and a state machine: no sockets, no clock."""
