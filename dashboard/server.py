"""What `streamlit run` serves: the pages, and the pictures by URL."""

from pathlib import Path

import streamlit as st

from dashboard import large_pictures, thumbnails
from dashboard.warm_up import warm_up

app = st.App(Path(__file__).with_name("app.py"), routes=[*thumbnails.ROUTES, *large_pictures.ROUTES], lifespan=warm_up)
