"""What `streamlit run` serves: the pages, and the pictures by URL."""

from pathlib import Path

import streamlit as st

from dashboard import large_pictures, thumbnails
from dashboard.warm_up import warm_up_in_background

app = st.App(Path(__file__).with_name("app.py"), routes=[*thumbnails.ROUTES, *large_pictures.ROUTES])
warm_up_in_background()
