"""Capacity and money: from a measured curve and a campaign to tiers, fleets and the cost of a month."""
