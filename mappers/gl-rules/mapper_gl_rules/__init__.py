"""Singer mapper that books shop documents on GL accounts, cost centers and VAT codes by rules."""
