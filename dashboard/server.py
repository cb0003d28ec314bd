"""What `streamlit run` serves: the pages, and the thumbnails by URL."""

from pathlib import Path

import streamlit as st

from dashboard.thumbnails import ROUTES
from dashboard.warm_up import warm_up_in_background

app = st.App(Path(__file__).with_name("app.py"), routes=ROUTES)
warm_up_in_background()
