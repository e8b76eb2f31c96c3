"""What accountants call: first rules, versions, spreadsheets, checks and explanations."""
