"""Runs Streamlit once all is loaded that the first page needs, so that no reader waits for it.

A session is opened for our own pages only. Streamlit also lets in what other ports of this machine
serve, and to learn the machine's own addresses it asks a host outside when a foreign page knocks.
"""

from streamlit.web.cli import main
from streamlit.web.server.starlette import starlette_websocket

from dashboard import app

starlette_websocket.is_url_from_allowed_origins = lambda _: False
app.load()
main(prog_name="streamlit")
