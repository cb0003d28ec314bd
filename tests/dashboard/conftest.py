"""Pages under test share no caches."""

import pytest


@pytest.fixture(autouse=True)
def no_shared_caches() -> None:
    import streamlit as st

    st.cache_resource.clear()
    st.cache_data.clear()
