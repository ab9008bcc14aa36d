"""Who may charge: cache, expiry, and what the configuration keys make of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ocppsim_core.authorization import Cache, IdTagInfo, Rules, same_group, same_tag

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SETTINGS = {
    "AuthorizationCacheEnabled": True,
    "LocalPreAuthorize": False,
    "LocalAuthorizeOffline": True,
    "AllowOfflineTxForUnknownId": False,
}


def rules(known: dict[str, Any] | None = None, **settings: bool) -> Rules:
    found = Rules(Cache({}, lambda: NOW), {**SETTINGS, **settings})
    for idTag, info in (known or {}).items():
        found.learn(idTag, info if isinstance(info, dict) else {"status": info})
    return found


def verdict(info: IdTagInfo | None) -> str:
    return "ask" if info is None else str(info["status"])


@pytest.mark.parametrize(
    ("known", "settings", "online", "expected"),
    [
        # online what is known only counts where it may, and where it says yes
        ("Accepted", {}, True, "ask"),
        ("Accepted", {"LocalPreAuthorize": True}, True, "Accepted"),
        ("Blocked", {"LocalPreAuthorize": True}, True, "ask"),
        (None, {"LocalPreAuthorize": True}, True, "ask"),
        # offline
        ("Accepted", {}, False, "Accepted"),
        ("Accepted", {"LocalAuthorizeOffline": False}, False, "Invalid"),
        ("Blocked", {}, False, "Blocked"),
        ("Blocked", {"AllowOfflineTxForUnknownId": True}, False, "Blocked"),
        (None, {}, False, "Invalid"),
        (None, {"AllowOfflineTxForUnknownId": True}, False, "Accepted"),
        (
            "Accepted",
            {"LocalAuthorizeOffline": False, "AllowOfflineTxForUnknownId": True},
            False,
            "Accepted",
        ),
    ],
)
def test_rules(known: str | None, settings: dict[str, bool], online: bool, expected: str) -> None:
    found = rules({} if known is None else {"ccc": known}, **settings)
    assert verdict(found.decide("CCC", online=online)) == expected


def test_a_cache_that_is_switched_off_neither_learns_nor_knows() -> None:
    found = rules({"ccc": "Accepted"}, AuthorizationCacheEnabled=False)
    assert len(found.cache) == 0
    found.cache.put("ccc", {"status": "Accepted"})
    assert found.known("ccc") is None


def test_a_list_comes_before_the_cache() -> None:
    found = rules({"ccc": "Accepted", "ddd": "Accepted"})
    listed: dict[str, IdTagInfo] = {"ccc": {"status": "Blocked"}}
    found.authorizers.append(listed.get)
    assert verdict(found.known("ccc")) == "Blocked"
    assert verdict(found.known("ddd")) == "Accepted"
    assert verdict(found.decide("ccc", online=False)) == "Blocked"


@pytest.mark.parametrize(
    ("expiry", "status"),
    [
        ("2026-06-01T00:00:01Z", "Accepted"),
        ("2026-05-31T23:59:59Z", "Expired"),
        ("2026-06-01T01:00:00+02:00", "Expired"),
        ("2026-05-31T12:00:00", "Expired"),
        ("whenever", "Accepted"),
        (None, "Accepted"),
    ],
)
def test_an_entry_expires(expiry: str | None, status: str) -> None:
    found = rules({"ccc": {"status": "Accepted", "expiryDate": expiry}})
    assert verdict(found.known("ccc")) == status


def test_the_cache_keeps_the_newest_in_the_state() -> None:
    state: dict[str, Any] = {}
    cache = Cache(state, lambda: NOW)
    for number in range(1100):
        cache.put(f"tag{number}", {"status": "Accepted"})
    assert len(cache) == 1000
    assert cache.find("tag99") is None
    assert Cache(state, lambda: NOW).find("TAG1099") is not None
    cache.clear()
    assert len(Cache(state, lambda: NOW)) == 0


def test_a_busy_tag_is_no_bad_tag() -> None:
    found = rules({"ccc": "Accepted"})
    found.learn("ccc", {"status": "ConcurrentTx"})
    assert verdict(found.known("ccc")) == "Accepted"


@pytest.mark.parametrize("nonsense", [None, "Accepted", {}, []])
def test_an_answer_that_makes_no_sense_teaches_nothing(nonsense: object) -> None:
    found = rules()
    found.learn("ccc", nonsense)
    assert found.known("ccc") is None


def test_tags_and_groups() -> None:
    assert same_tag("AbC", "aBc")
    assert not same_tag("a", "b")
    assert not same_tag(None, None)
    assert same_group("a", None, "A", None)
    assert same_group("a", "Family", "b", "FAMILY")
    assert not same_group("a", None, "b", None)
    assert not same_group("a", "x", "b", "y")
