"""The script that Streamlit runs, in a folder of its own.

Streamlit puts the folder of its script first on the import path: beside `dashboard/html.py` every
`import html` of a library would find the wrong module.
"""
