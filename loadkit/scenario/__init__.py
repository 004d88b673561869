"""What to send and when: scenarios as data and pure, seeded functions without a clock."""
