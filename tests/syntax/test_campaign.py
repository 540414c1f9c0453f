"""A sample of `python3 dev.py sweep --mutations`."""

from __future__ import annotations

from tests.syntax import campaign


def test_a_sample_of_the_campaign() -> None:
    figures = campaign.run(300, seed=7)
    assert figures.failures == ()
    assert figures.programs == 300
    assert min(figures.broken, figures.checked) > 200 and figures.laid_out > 10
    assert figures.good(), figures.said()


def test_the_campaign_sees_what_is_wrong() -> None:
    few = campaign.Figures(programs=1, broken=1, mistakes=1, expected=10, kept=10, checked=1, wrong=1, errors=2)
    assert few.good()
    for worse in (
        campaign.Figures(broken=1, mistakes=5),
        campaign.Figures(wrong=1, errors=3),
        campaign.Figures(expected=5),
        campaign.Figures(failures=("it raised",)),
    ):
        assert not few.plus(worse).good()
