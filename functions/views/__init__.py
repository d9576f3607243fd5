"""What the pages and the dashboard's part of the API answer, a module for each part of the site.

`functions.routes` names them. A module is imported when somebody first opens one of its pages: an instance of the
dashboard starts without any.
"""
