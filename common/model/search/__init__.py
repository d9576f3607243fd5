"""Search: what may be asked (`query`), how it is spelled (`grammar`), what is known of each call (`document`)."""
