"""The command line: one thin module per verb; only this package prints and exits."""
