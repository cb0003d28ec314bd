"""What `streamlit run` serves: the pages, and the thumbnails by URL."""

from pathlib import Path

import streamlit as st

from dashboard.thumbnails import ROUTES

app = st.App(Path(__file__).with_name("app.py"), routes=ROUTES)
