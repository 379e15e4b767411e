"""Runs Streamlit once all is loaded that the first page needs, so that no reader waits for it."""

from streamlit.web.cli import main

from dashboard import app

app.load()
main(prog_name="streamlit")
