"""Where Google and Symbl appear: each adapter fills one of the roles in `common.ports`."""
