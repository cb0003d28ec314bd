"""Numbers as every page says them."""

from dashboard.wording import pairs_in_words, percent


def test_shares_have_as_many_digits_as_they_are_worth_and_only_nothing_is_nothing() -> None:
    shares = (0.0, 0.0001, 0.004, 0.0999, 0.3)
    assert [percent(share) for share in shares] == ["0%", "< 0.1%", "0.4%", "10%", "30%"]


def test_one_pair_is_no_pairs() -> None:
    assert [pairs_in_words(number) for number in (0, 1, 1200)] == ["0 pairs", "1 pair", "1,200 pairs"]
