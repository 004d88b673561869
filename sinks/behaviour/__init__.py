"""How a far end behaves: profiles as data, and what they decide at each step of a conversation."""

from sinks.behaviour.conduct import Behaviour, Visit

__all__ = ["Behaviour", "Visit"]
