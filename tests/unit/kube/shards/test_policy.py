"""Which Lease a replica takes, asks for or leaves alone: by rules, and by whole fleets in time."""

import random

import pytest

from argocd_image_updater.kube.shards.lease_record import LeaseRecord, LeaseTimes, Observation
from argocd_image_updater.kube.shards.policy import (
    Ask,
    Rest,
    Take,
    View,
    next_step,
    ordinal_of,
    stranger,
    to_give_back,
)

TIMES = LeaseTimes()


def seen(holder="", *, changed_s=0.0, wanted_by="", shards=3, acquired=""):
    record = LeaseRecord(
        "lease",
        "1",
        holder=holder,
        duration_s=15.0 if holder else 1.0,
        wanted_by=wanted_by,
        shards=shards,
        acquired=acquired,
    )
    return Observation(record, changed_s)


def step(now_s, seen_, *, me="pod-1_x", held=(), shards=3, ordinal=1):
    view = View(me, shards, frozenset(held), seen_, open_since_s=0.0, ordinal=ordinal)
    return next_step(view, now_s=now_s, times=TIMES)


@pytest.mark.parametrize(
    ("identity", "ordinal"),
    [
        ("updater-0_8f", 0),
        ("updater-2_8f", 2),
        ("updater-3_8f", None),
        ("updater-7d9f8b6c5-x2x4z_8f", None),
        ("updater-7d9f8b6c5-24567_8f", None),
        ("2_8f", None),
        ("updater_8f-1", None),
        ("updater-12345678901234567890_8f", None),
    ],
)
def test_the_ordinal_is_the_number_at_the_end_of_the_host(identity, ordinal):
    assert ordinal_of(identity, 3) == ordinal


def test_a_replica_takes_the_shard_of_its_ordinal_at_once():
    assert step(0, {}) == Take(1)


def test_where_that_is_taken_it_takes_another_at_once():
    assert step(0, {1: seen("pod-9_x"), 0: seen("pod-0_x")}) == Take(2)


def test_a_replica_without_ordinal_takes_any_free_one():
    taken = {step(0, {}, me=f"pod-{letter}_x", ordinal=None).shard for letter in "abcdefghijkl"}
    assert taken == {0, 1, 2}


def test_a_replica_that_has_one_leaves_free_ones_to_others_for_a_grace():
    others = {1: seen("pod-1_x"), 0: seen("pod-0_x"), 2: seen(changed_s=5.0)}
    assert step(6, others, held={1}) == Rest(pytest.approx(9.0))
    assert step(14.9, others, held={1}).wait_s == pytest.approx(0.1)
    assert step(15.1, others, held={1}) == Take(2)


def test_those_with_the_fewest_come_first_and_then_anybody():
    others = {0: seen("pod-0_x", changed_s=99), 3: seen(changed_s=85.0)}
    assert isinstance(step(100, others, held={1, 2}, shards=4), Rest)
    others[0] = seen("pod-0_x", changed_s=105)
    assert step(106, others, held={1, 2}, shards=4) == Take(3)


def test_a_dead_holder_counts_as_free_when_its_duration_is_over():
    others = {1: seen("pod-7_x", changed_s=100.0)}
    assert step(114.9, others, shards=2, held={0}).wait_s == pytest.approx(0.1)
    assert isinstance(step(115.1, others, shards=2, held={0}), Rest)
    assert step(125.1, others, shards=2, held={0}) == Take(1)


def test_one_shard_is_taken_without_any_grace():
    others = {0: seen("other_x", changed_s=100.0)}
    assert step(114, others, shards=1, ordinal=None) == Rest(pytest.approx(1.0))
    assert step(115, others, shards=1, ordinal=None) == Take(0)


def test_a_replica_without_any_asks_who_has_several():
    rich = {
        0: seen("pod-0_x", acquired="2026-01-01"),
        1: seen("pod-0_x", acquired="2026-01-02"),
        2: seen("pod-2_x"),
    }
    assert step(1, rich) == Ask(1)
    assert step(1, rich, ordinal=0) == Ask(0)
    assert step(1, rich, ordinal=None) == Ask(1)  # what came last goes first
    rich[0] = seen("pod-0_x", wanted_by="pod-1_x")
    assert isinstance(step(1, rich), Rest)


def test_nobody_asks_for_the_only_shard_of_another():
    one_each = {0: seen("pod-0_x"), 1: seen("pod-1_y"), 2: seen("pod-2_x")}
    assert isinstance(step(1, one_each, me="pod-3_x", ordinal=None), Rest)


def test_what_was_asked_for_is_left_to_who_asked_for_a_grace():
    others = {0: seen("pod-0_x"), 1: seen("pod-0_x"), 2: seen(wanted_by="pod-2_x", changed_s=1)}
    assert isinstance(step(2, others, ordinal=None, me="pod-5_x"), Rest)
    assert step(2, others, ordinal=2, me="pod-2_x") == Take(2)
    others[2] = seen(wanted_by="pod-2_x", changed_s=-20)
    assert step(2, {**others, 0: seen("a"), 1: seen("b")}, ordinal=None, me="c") == Rest(
        pytest.approx(8.0)
    )


def test_what_is_written_in_our_name_and_not_known_to_be_held_is_taken_again():
    assert step(1, {1: seen("pod-1_x")}, held={0}) == Take(1)


def test_one_shard_always_stays():
    wishes = {shard: seen("me", wanted_by=f"pod-{shard}") for shard in range(3)}
    assert to_give_back(frozenset({0, 1, 2}), wishes, identity="me") == {0, 1}
    assert to_give_back(frozenset({2}), wishes, identity="me") == frozenset()
    assert to_give_back(frozenset({1, 2}), {1: seen("me")}, identity="me") == frozenset()
    assert to_give_back(frozenset({1, 2}), {1: seen("me", wanted_by="me")}, identity="me") == set()


def test_who_counts_with_another_number_is_named_while_alive():
    found = [seen("pod-0_x", shards=5), seen("me", shards=3), seen("", shards=1)]
    text = stranger(found, identity="me", shards=3, now_s=1)
    assert "pod-0_x" in text
    assert "5 shards" in text
    assert not stranger(found, identity="me", shards=3, now_s=15)
    assert not stranger(found, identity="me", shards=5, now_s=1)


class World:
    """Leases in virtual time. Replicas act one after the other, in an order of chance."""

    def __init__(self, shards, seed):
        self.shards = shards
        self.random = random.Random(seed)
        self.now_s = 0.0
        self.leases = {}
        self.alive = {}

    def join(self, name):
        self.alive[name] = self.now_s

    def die(self, name):
        del self.alive[name]

    def leave(self, name):
        self.die(name)
        for shard, found in self.leases.items():
            if found.record.holder == name:
                self.put(shard, "", wanted_by=found.record.wanted_by)

    def put(self, shard, holder, *, wanted_by=""):
        self.leases[shard] = seen(
            holder, changed_s=self.now_s, wanted_by=wanted_by, acquired=f"{self.now_s:020.1f}"
        )

    def held(self, name):
        return frozenset(s for s, found in self.leases.items() if found.record.holder == name)

    def run(self, seconds):
        for _ in range(seconds):
            self.now_s += 1
            names = sorted(self.alive)
            self.random.shuffle(names)
            for name in names:
                self.act(name)

    def act(self, name):
        held = self.held(name)
        for shard in held:  # renewed
            record = self.leases[shard].record
            self.leases[shard] = Observation(record, self.now_s)
        for shard in to_give_back(held, self.leases, identity=name):
            self.put(shard, "", wanted_by=self.leases[shard].record.wanted_by)
        view = View(
            name,
            self.shards,
            self.held(name),
            dict(self.leases),
            self.alive[name],
            ordinal_of(name, self.shards),
        )
        found = next_step(view, now_s=self.now_s, times=TIMES)
        if isinstance(found, Take):
            before = self.leases.get(found.shard)
            is_free = before is None or not before.is_held(self.now_s)
            assert is_free or before.record.holder == name
            self.put(found.shard, name)
        elif isinstance(found, Ask):
            record = self.leases[found.shard].record
            changed_s = self.leases[found.shard].changed_s
            self.leases[found.shard] = seen(
                record.holder, changed_s=changed_s, wanted_by=name, acquired=record.acquired
            )

    def counts(self):
        return sorted(len(self.held(name)) for name in self.alive)


@pytest.mark.parametrize("seed", range(20))
def test_a_fleet_holds_every_shard_whatever_happens(seed):
    world = World(shards=5, seed=seed)
    names = [f"pod-{number}_u" for number in range(7)]
    for _ in range(12):
        name = world.random.choice(names)
        if name not in world.alive:
            world.join(name)
        elif world.random.random() < 0.5:
            world.leave(name)
        else:
            world.die(name)
        world.run(world.random.randrange(1, 40))
    if not world.alive:
        world.join(names[0])
    world.run(200)
    assert sum(world.counts()) == 5
    assert len(world.alive) > 5 or min(world.counts()) >= 1


def test_a_stateful_set_settles_with_one_shard_each():
    world = World(shards=3, seed=1)
    for number in range(3):
        world.join(f"updater-{number}_u")
        world.run(30)
    assert [world.held(f"updater-{number}_u") for number in range(3)] == [{0}, {1}, {2}]


def test_a_dead_replica_is_replaced_and_gets_its_shard_back():
    world = World(shards=3, seed=2)
    for number in range(3):
        world.join(f"updater-{number}_u")
    world.run(5)
    world.die("updater-1_u")
    world.run(40)
    assert world.counts() == [1, 2]
    world.join("updater-1_new")
    world.run(10)
    assert world.held("updater-1_new") == {1}
