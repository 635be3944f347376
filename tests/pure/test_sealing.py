"""What is sealed opens only where it belongs, only with its key, and outlives the rotation of keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controlplane.sealing import KeyUnavailable, SealingSettings, Tampered
from controlplane.sealing.base import Keeper, WrappedKey
from controlplane.sealing.envelope import Envelope
from controlplane.sealing.keepers.file import open_keeper
from controlplane.sealing.keyfile import KeyFile
from controlplane.sealing.sealer import KEPT_KEYS, KEPT_SECONDS, Sealer

HERE = "acme|landscapes_landscape|1|credentials_sealed"
THERE = "umbrella|landscapes_landscape|2|credentials_sealed"


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    keys = KeyFile(str(tmp_path / "keys" / "sealing.json"))
    keys.create()
    return keys


def sealer(file: KeyFile) -> Sealer:
    return Sealer("file", {"file": open_keeper(SealingSettings(key_file=file.path))})


def test_what_was_sealed_comes_back_and_shows_nothing(file: KeyFile) -> None:
    sealed = sealer(file).seal(b"a very secret kubeconfig", context=HERE)

    assert b"secret" not in sealed
    assert sealer(file).unseal(sealed, context=HERE) == b"a very secret kubeconfig"


def test_the_same_value_never_looks_the_same(file: KeyFile) -> None:
    one = sealer(file)

    assert len({one.seal(b"again", context=HERE) for _ in range(50)}) == 50


def test_a_value_moved_to_another_row_stays_shut(file: KeyFile) -> None:
    sealed = sealer(file).seal(b"of acme", context=HERE)

    with pytest.raises(Tampered):
        sealer(file).unseal(sealed, context=THERE)


def test_no_single_changed_byte_goes_unnoticed(file: KeyFile) -> None:
    sealed = sealer(file).seal(b"whole", context=HERE)
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises((Tampered, KeyUnavailable)):
            sealer(file).unseal(changed, context=HERE)


def test_no_cut_value_opens(file: KeyFile) -> None:
    sealed = sealer(file).seal(b"whole", context=HERE)
    for length in range(len(sealed)):
        with pytest.raises((Tampered, KeyUnavailable)):
            sealer(file).unseal(sealed[:length], context=HERE)


def test_a_rotated_file_opens_the_old_and_seals_with_the_new(file: KeyFile) -> None:
    one = sealer(file)
    old = one.seal(b"from before", context=HERE)
    file.activate(file.prepare())
    new = one.seal(b"from after", context=HERE)

    assert one.key_of(old) != one.key_of(new)
    assert (one.is_current(old), one.is_current(new)) == (False, True)
    assert one.unseal(old, context=HERE) == b"from before"


def test_a_host_without_the_new_key_says_so_and_works_once_it_has_it(file: KeyFile, tmp_path: Path) -> None:
    behind = KeyFile(str(tmp_path / "behind.json"))
    Path(behind.path).write_bytes(Path(file.path).read_bytes())
    Path(behind.path).chmod(0o600)
    late = sealer(behind)
    old = sealer(file).seal(b"old", context=HERE)
    file.activate(file.prepare())
    new = sealer(file).seal(b"new", context=HERE)

    assert late.unseal(old, context=HERE) == b"old"
    with pytest.raises(KeyUnavailable) as refused:
        late.unseal(new, context=HERE)
    assert (refused.value.status, refused.value.retry_after_seconds) == (503, 30)
    Path(behind.path).write_bytes(Path(file.path).read_bytes())
    assert late.unseal(new, context=HERE) == b"new"


def test_a_prepared_key_is_known_everywhere_before_it_seals(file: KeyFile) -> None:
    one = sealer(file)
    before = one.present_key()
    prepared = file.prepare()
    assert one.present_key() == before
    file.activate(prepared)
    assert one.present_key() == f"file:{prepared}"


def test_a_rewrapped_value_keeps_its_content_and_outlives_the_old_key(file: KeyFile) -> None:
    one = sealer(file)
    old = one.seal(b"kept", context=HERE)
    first = one.key_of(old).removeprefix("file:")
    file.activate(file.prepare())

    again = one.rewrap(old, context=HERE)
    file.drop(first)

    assert sealer(file).unseal(again, context=HERE) == b"kept"
    with pytest.raises(KeyUnavailable):
        sealer(file).unseal(old, context=HERE)


def test_rewrapping_refuses_a_value_from_another_place(file: KeyFile) -> None:
    one = sealer(file)
    with pytest.raises(Tampered):
        one.rewrap(one.seal(b"x", context=HERE), context=THERE)


def test_the_active_key_cannot_be_dropped(file: KeyFile) -> None:
    with pytest.raises(KeyUnavailable):
        file.drop(file.read().active)


def test_the_key_file_is_for_its_owner_only(file: KeyFile) -> None:
    assert Path(file.path).stat().st_mode & 0o777 == 0o600
    file.prepare()
    assert Path(file.path).stat().st_mode & 0o777 == 0o600
    Path(file.path).chmod(0o644)
    with pytest.raises(KeyUnavailable, match="chmod 600"):
        KeyFile(file.path).read()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"active": "a", "keys": {}}', '{"active": 1, "keys": {"1": "eA=="}}']
)
def test_a_broken_key_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken.json"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(KeyUnavailable, match=r"broken\.json"):
        KeyFile(str(path)).read()


def test_creating_twice_keeps_the_first_key(file: KeyFile) -> None:
    before = json.loads(Path(file.path).read_text())
    KeyFile(file.path).create()
    assert json.loads(Path(file.path).read_text()) == before


class Counting:
    """A keeper that counts how often it is asked."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper, self.unwrapped, self.made = keeper, 0, 0

    def new_data_key(self) -> tuple[WrappedKey, bytes]:
        self.made += 1
        return self.keeper.new_data_key()

    def wrap(self, data_key: bytes) -> WrappedKey:
        return self.keeper.wrap(data_key)

    def unwrap(self, key: WrappedKey) -> bytes:
        self.unwrapped += 1
        return self.keeper.unwrap(key)

    def present_key_id(self) -> str:
        return self.keeper.present_key_id()


def test_an_opened_data_key_is_kept_for_minutes_and_not_for_ever(file: KeyFile) -> None:
    counting = Counting(open_keeper(SealingSettings(key_file=file.path)))
    moment = [0.0]
    one = Sealer("file", {"file": counting}, clock=lambda: moment[0])
    sealed = [one.seal(b"x", context=HERE) for _ in range(5)]

    for value in sealed * 3:
        one.unseal(value, context=HERE)
    assert (counting.made, counting.unwrapped) == (1, 1)
    moment[0] = KEPT_SECONDS + 1
    one.unseal(sealed[0], context=HERE)
    one.seal(b"x", context=HERE)
    assert (counting.made, counting.unwrapped) == (2, 2)


def test_only_so_many_data_keys_are_kept(file: KeyFile) -> None:
    counting = Counting(open_keeper(SealingSettings(key_file=file.path)))
    one = Sealer("file", {"file": counting}, clock=lambda: 0.0)
    first = sealer(file).seal(b"first", context=HERE)
    one.unseal(first, context=HERE)
    for _ in range(KEPT_KEYS):
        one.unseal(sealer(file).seal(b"x", context=HERE), context=HERE)
    before = counting.unwrapped
    one.unseal(first, context=HERE)
    assert counting.unwrapped == before + 1


def test_a_header_that_names_an_unknown_keeper_is_refused_without_loading_anything(file: KeyFile) -> None:
    envelope = Envelope.read(sealer(file).seal(b"x", context=HERE))
    strange = Envelope(WrappedKey("os", envelope.key.key_id, envelope.key.wrapped), envelope.payload).write()
    with pytest.raises(KeyUnavailable):
        sealer(file).unseal(strange, context=HERE)


def test_secrets_stay_out_of_reprs(file: KeyFile) -> None:
    keys = file.read()
    assert keys.keys[keys.active].hex() not in repr(keys)
    assert repr(next(iter(keys.keys.values()))) not in repr(keys)


def test_strangers_hear_no_place_of_ours_and_operators_do(tmp_path: Path) -> None:
    missing = KeyFile(str(tmp_path / "keys.json"))
    with pytest.raises(KeyUnavailable) as refused:
        missing.read()
    assert str(tmp_path) in str(refused.value)
    assert str(tmp_path) not in refused.value.detail
    assert "keys init" not in refused.value.detail
