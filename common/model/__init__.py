"""Pure rules: no Google, no Flask, no HTTP, no clock of their own."""
