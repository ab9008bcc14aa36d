"""Who may charge: what the station knows by itself, and when it has to ask (OCPP 1.6 §3.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["Authorizer", "Cache", "IdTagInfo", "Rules", "same_group", "same_tag"]

IdTagInfo = Mapping[str, Any]
"""``{"status": …, "parentIdTag": …, "expiryDate": …}`` (OCPP 1.6 §7.27); the status is needed."""

Authorizer = Callable[[str], "IdTagInfo | None"]
"""Asked what is known of an idTag; None: nothing."""

STORED_AS = "core.cache"
MAX_ENTRIES = 1000


def same_tag(one: str | None, other: str | None) -> bool:
    """Whether these are one idTag: upper and lower case are alike (OCPP 1.6 §7.28)."""
    return one is not None and other is not None and one.casefold() == other.casefold()


def same_group(tag: str, parent: str | None, other_tag: str, other_parent: str | None) -> bool:
    """Whether one may stop what the other started: the same idTag, or the same parentIdTag."""
    return same_tag(tag, other_tag) or same_tag(parent, other_parent)


class Cache:
    """The authorization cache: what the central system said last of each idTag (§3.5.1).

    It lives in `store`, so it outlives the process where that does. The oldest of more than 1000
    entries go.
    """

    def __init__(self, store: MutableMapping[str, Any], now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def __len__(self) -> int:
        return len(self._entries())

    def find(self, idTag: str) -> IdTagInfo | None:
        """What is known of it; its status is Expired once its expiryDate has passed."""
        info = self._entries().get(idTag.casefold())
        return None if info is None else as_of(info, self._now())

    def put(self, idTag: str, info: IdTagInfo) -> None:
        """Remember it. ConcurrentTx says nothing of the idTag, and is passed over."""
        if info.get("status") == "ConcurrentTx":
            return
        entries = {k: v for k, v in self._entries().items() if k != idTag.casefold()}
        entries[idTag.casefold()] = dict(info)
        for oldest in list(entries)[: max(0, len(entries) - MAX_ENTRIES)]:
            del entries[oldest]
        self._store[STORED_AS] = entries

    def clear(self) -> None:
        self._store[STORED_AS] = {}

    def _entries(self) -> dict[str, IdTagInfo]:
        entries: dict[str, IdTagInfo] = self._store.get(STORED_AS, {})
        return entries


def as_of(info: IdTagInfo, now: datetime) -> IdTagInfo:
    """`info`, with the status Expired where it was Accepted until before `now`."""
    expiry = info.get("expiryDate")
    if info.get("status") != "Accepted" or not isinstance(expiry, str):
        return info
    try:
        moment = datetime.fromisoformat(expiry)
    except ValueError:
        return info
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return {**info, "status": "Expired"} if moment <= now else info


class Rules:
    """What the configuration keys make of what is known.

    authorizers: asked in turn before the cache: a local list. settings: the configuration keys.
    """

    def __init__(self, cache: Cache, settings: Mapping[str, Any] | Any) -> None:
        self.cache = cache
        self.authorizers: list[Authorizer] = []
        self._settings = settings

    def known(self, idTag: str) -> IdTagInfo | None:
        """What the station knows of it by itself."""
        for authorizer in self.authorizers:
            info = authorizer(idTag)
            if info is not None:
                return info
        return self.cache.find(idTag) if self._settings["AuthorizationCacheEnabled"] else None

    def decide(self, idTag: str, *, online: bool) -> IdTagInfo | None:
        """The verdict; None where the central system has to be asked, which it only is online.

        Online what is known counts with LocalPreAuthorize, and only if it says Accepted: a refusal
        may be out of date. Offline LocalAuthorizeOffline and AllowOfflineTxForUnknownId decide.
        """
        info = self.known(idTag)
        accepted = info is not None and info["status"] == "Accepted"
        if online:
            return info if accepted and self._settings["LocalPreAuthorize"] else None
        if info is not None and not accepted:
            return info
        if accepted and self._settings["LocalAuthorizeOffline"]:
            return info
        if self._settings["AllowOfflineTxForUnknownId"]:
            return info or {"status": "Accepted"}
        return {"status": "Invalid"}

    def learn(self, idTag: str, info: Any) -> None:
        """The central system said this of it, in any answer that has an idTagInfo."""
        known = isinstance(info, dict) and "status" in info
        if known and self._settings["AuthorizationCacheEnabled"]:
            self.cache.put(idTag, info)
