"""The protocol engine of the fast sink, layer on layer: stream, session, conversation, and two ways to hold one."""
