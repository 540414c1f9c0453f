"""A run dropped at every point, of the store and of the platform, ends well with the next command.

No point is chosen by hand: the command runs once to count them, and then once for each.
"""

from collections.abc import Callable

from tests.engine.scene import WANTED, Scene, done, each, points_of
from tests.harness import Dropped, Points
from vchlang.portlayer.execute import execute

Make = Callable[..., Scene]
EDITED = tuple(one._replace(args={**one.args, "shares": 9}) if one.kind == "pool" else one for one in WANTED)


def made(scene: Scene) -> None:
    assert done(scene.command()).status == "done"


def edit(scene: Scene) -> None:
    """One element updated, one more, and the composition another, which takes a stop and a start."""
    more = WANTED[2]._replace(address="logs", identity="ds://datastore2/images/logs")
    scene.wanted = (*EDITED, more)
    scene.tag = "new"


def test_create(make: Make) -> None:
    number = points_of(make, "apply")
    assert number > 60
    for stop_at in each(number):
        scene = make()
        assert scene.dropped("apply", stop_at), stop_at
        assert done(scene.command()).status == "done", stop_at
        scene.check_made()


def test_destroy(make: Make) -> None:
    number = points_of(make, "destroy", made)
    assert number > 40
    for stop_at in each(number):
        scene = make()
        made(scene)
        assert scene.dropped("destroy", stop_at), stop_at
        assert done(scene.command("destroy")).status == "done", stop_at
        scene.check_gone()


def test_edit(make: Make) -> None:
    def prepare(scene: Scene) -> None:
        made(scene)
        edit(scene)

    number = points_of(make, "apply", prepare)
    for stop_at in each(number):
        scene = make()
        prepare(scene)
        assert scene.dropped("apply", stop_at), stop_at
        assert done(scene.command()).status == "done", stop_at
        scene.check_made()
        assert scene.world["pool", "/clusterA/poolB/vch-1"].fields["shares"] == 9
        composition = scene.world["executor", "/clusterA/poolB/vch-1/endpoint"].composition
        assert composition["members"][2]["task"]["env"]["TAG"] == "new"


def test_removal_of_what_the_script_says_no_more(make: Make) -> None:
    def prepare(scene: Scene) -> None:
        made(scene)
        edit(scene)
        made(scene)
        scene.wanted = EDITED

    number = points_of(make, "apply", prepare)
    for stop_at in each(number):
        scene = make()
        prepare(scene)
        scene.dropped("apply", stop_at)
        assert done(scene.command()).status == "done", stop_at
        scene.check_made()


def test_replacement(make: Make) -> None:
    """The new one is made before the old one goes, and no drop leaves both or neither."""

    def prepare(scene: Scene) -> None:
        made(scene)
        scene.wanted = tuple(
            one._replace(identity="dpg-other", args={"at": "dpg-other"}) if one.kind == "network" else one
            for one in WANTED
        )

    number = points_of(make, "apply", prepare)
    for stop_at in each(number):
        scene = make()
        prepare(scene)
        assert scene.dropped("apply", stop_at), stop_at
        assert done(scene.command()).status == "done", stop_at
        scene.check_made()
        assert ("network", "dpg-bridge") not in scene.world and ("network", "dpg-other") in scene.world
        assert [row.generation for row in scene.read().objects if row.kind == "network"] == [2]


def test_an_apply_dropped_anywhere_can_be_destroyed(make: Make) -> None:
    number = points_of(make, "apply")
    for stop_at in each(number, 2):
        scene = make()
        scene.dropped("apply", stop_at)
        assert done(scene.command("destroy")).status == "done", stop_at
        scene.check_gone()


def test_dropped_again_while_recovering(make: Make) -> None:
    """Wherever the first run was dropped, the second is dropped at each of its first points, where recovery is."""
    number = points_of(make, "apply")
    for first in each(number, 11):
        for second in range(1, 14):
            scene = make()
            scene.dropped("apply", first)
            scene.dropped("apply", second)
            assert done(scene.command()).status == "done", (first, second)
            scene.check_made()


def test_recovering_twice_is_as_once(make: Make) -> None:
    number = points_of(make, "apply")
    recovered = 0
    for stop_at in each(number):
        scene = make()
        scene.dropped("apply", stop_at)
        first = scene.recover()
        recovered += len(first)
        state = scene.read()
        assert state.pending == ()
        assert scene.recover() == ()
        assert scene.read() == state
        assert scene.driver.calls == []  # recovery only looks
    assert recovered > 20


def test_dropped_with_workers(make: Make) -> None:
    """With several workers nobody can say which point comes when, and it must not matter."""
    number = points_of(make, "apply")
    for stop_at in each(number, 4):
        scene = make()
        points = Points(stop_at)
        try:
            scene.command(points=points, workers=4)
        except Dropped:
            pass
        assert done(scene.command(workers=4)).status == "done", stop_at
        scene.check_made()


def test_a_consumer_that_goes_away_drops_the_run(make: Make) -> None:
    scene = make()
    plan = scene.plan()
    store, machine = scene.start()
    events = execute(
        plan, scene.driver, store, machine, scene.holder(), reveal=lambda value: "s", data=lambda ref: None
    )
    for _ in range(5):
        next(events)
    events.close()
    assert done(scene.command()).status == "done"
    scene.check_made()
