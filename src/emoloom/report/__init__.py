"""Run folder to one offline HTML page."""
