"""What Streamlit runs at every view: see `dashboard.app`."""

from dashboard.app import show

show()
