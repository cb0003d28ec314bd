"""The app: page setup, navigation and the sidebar."""

from pathlib import Path

import streamlit as st

from dashboard.components.boxes import show_errors
from dashboard.components.entrance import only_people_who_may_enter
from dashboard.components.who import who_decides
from dashboard.state import choose_run
from dashboard.wording import APP_TITLE

HERE = Path(__file__).resolve().parent
st.set_page_config(page_title=APP_TITLE, page_icon=str(HERE / "icon.svg"), layout="wide")
only_people_who_may_enter()

PAGES = [
    st.Page("views/overview.py", title="Overview", icon=":material/dashboard:", default=True),
    # find wrong pairs
    st.Page("views/suspicious.py", title="Suspicious pairs", icon=":material/image_search:", url_path="suspicious"),
    st.Page("views/queue.py", title="Review queue", icon=":material/inbox:", url_path="review"),
    st.Page("views/map.py", title="Map", icon=":material/scatter_plot:", url_path="map"),
    st.Page("views/pair.py", title="Pair", icon=":material/image:", url_path="pair"),
    # explain predictions
    st.Page("views/predictions.py", title="Predictions", icon=":material/psychology_alt:", url_path="predictions"),
    st.Page("views/trace_back.py", title="Trace-back", icon=":material/account_tree:", url_path="trace-back"),
    st.Page("views/ask.py", title="Ask", icon=":material/add_photo_alternate:", url_path="ask"),
    st.Page("views/what_if.py", title="What-if", icon=":material/model_training:", url_path="what-if"),
    # take the results along, compute new ones
    st.Page("views/decisions.py", title="Decisions & export", icon=":material/fact_check:", url_path="decisions"),
    st.Page("views/runs.py", title="Runs", icon=":material/play_circle:", url_path="runs"),
    st.Page("views/compare.py", title="Compare", icon=":material/compare_arrows:", url_path="compare"),
]

page = st.navigation(PAGES, expanded=True)
with st.sidebar:
    choose_run()
    who_decides()
st.html(HERE / "app.css")
st.logo(str(HERE / "logo.svg"), size="large", icon_image=str(HERE / "icon.svg"))
with show_errors():
    page.run()
