"""What people see: templates, assets, and the plain Python that turns the model into words and figures for them.

site: links, assets and rendering; words: times, moods and statuses as people say them
overview, calls, call, operations: what the pages show; ribbon: a call's shape
company_settings: what a company may settle, checked; readiness: /ready
"""
