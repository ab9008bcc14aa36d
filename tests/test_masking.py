"""No secret gets past the masks, wherever it stands in a frame."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppsim import Fault, InvalidPayload, rpc, schema
from ocppsim.masking import Masked, Masker, mask_text
from ocppsim.trace import TracedFrame
from ocppsim.v16.actions import PROTOCOL
from ocppsim.violation import Violation

SECRET = "S3CRET"
# begins and ends with what is looked for, with anything between
secrets = st.text(max_size=30).map(lambda middle: f"{SECRET}{middle}{SECRET}")
keys = st.sampled_from(["AuthorizationKey", "authorizationkey", "AUTHORIZATIONKEY"])
names = st.text(max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def mask(text: str | bytes, *faults: Fault, masking: bool = True) -> Masked:
    frame = TracedFrame("CP1", "received", text, rpc.decode(text), None, list(faults))
    return Masker(masking=masking).mask(frame)


def change(key: str, value: Any, **more: Any) -> str:
    payload = {"key": key, "value": value, **more}
    return json.dumps([2, "1", "ChangeConfiguration", payload])


def shown(masked: Masked) -> str:
    return f"{json.dumps(masked.json, ensure_ascii=False)}{masked.text!r}{masked.faults}"


@st.composite
def somewhere(draw: st.DrawFn, inner: Any) -> Any:
    """`inner`, deep in other JSON."""
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            inner = [*draw(st.lists(json_values, max_size=2)), inner]
        else:
            others = draw(st.dictionaries(names, json_values, max_size=2))
            inner = {**others, draw(names): inner}
    return inner


@given(st.data(), secrets, keys, st.booleans(), st.booleans())
def test_the_value_of_the_key_is_masked_wherever_it_stands(
    data: st.DataObject, secret: str, key: str, ascii_only: bool, value_first: bool
) -> None:
    item = {"value": secret, "key": key} if value_first else {"key": key, "value": secret}
    value = data.draw(somewhere(item))
    text = json.dumps([3, "1", {"configurationKey": value}], ensure_ascii=ascii_only)
    assert SECRET not in shown(mask(text))


@given(secrets, keys, st.integers(0, 200), st.booleans())
def test_a_frame_that_is_cut_off_is_masked_too(
    secret: str, key: str, end: int, ascii_only: bool
) -> None:
    payload = {"key": key, "value": secret}
    text = json.dumps([2, "1", "ChangeConfiguration", payload], ensure_ascii=ascii_only)
    assert SECRET not in shown(mask(text[:end]))
    assert SECRET not in shown(mask(text + "]"))
    assert SECRET not in shown(mask((text + "}").encode(errors="surrogatepass")))


@given(secrets, keys)
def test_a_python_repr_and_json_in_json_are_masked(secret: str, key: str) -> None:
    payload = {"key": key, "readonly": False, "value": secret}
    assert SECRET not in mask_text(f"the handler returned {payload!r}")
    text = json.dumps([2, "1", "DataTransfer", {"vendorId": "x", "data": json.dumps(payload)}])
    assert SECRET not in shown(mask(text))
    assert SECRET not in mask_text(repr(text))


@given(
    st.sampled_from(["ftp", "ftps", "sftp", "https", "wss"]),
    st.text(st.characters(exclude_characters="@", codec="utf-8"), max_size=20),
    st.sampled_from(["", "/", "/folder/x@y?z#f", ":21/a"]),
)
def test_a_password_in_a_url_is_masked(scheme: str, middle: str, path: str) -> None:
    secret = f"{SECRET}{middle}{SECRET}"
    url = f"{scheme}://user:{secret}@host{path}"
    text = json.dumps([2, "1", "GetDiagnostics", {"location": url}])
    assert SECRET not in shown(mask(text))


@given(st.text("abcABC019-._~!$&'()*+,;=:%", max_size=20))
def test_a_password_in_a_url_inside_other_text_is_masked(middle: str) -> None:
    url = f"ftp://user:{SECRET}{middle}{SECRET}@host/path"
    assert SECRET not in mask_text(f"cannot reach {url}, sorry")
    assert SECRET not in mask_text(f'[2,"1","GetDiagnostics",{{"location":"{url}')
    assert SECRET not in mask_text(json.dumps(url).replace("/", "\\/") + "}")


@given(json_values, st.integers(2, 4))
def test_what_has_no_secret_stays_as_it_is(value: Any, kind: int) -> None:
    text = json.dumps([kind, "1", value])
    masked = mask(text)
    assert masked.json == [kind, "1", value]
    assert masked.text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ftp://user:pass@host/x", "ftp://***@host/x"),
        ("ftp://user@host", "ftp://***@host"),
        ("ftp://u:pa/ss@host/x", "ftp://***@host/x"),
        ("ftp://u:p@ss@host", "ftp://***@host"),
        ("http://host:80/path@x", "http://host:80/path@x"),
        ("http://host/a@b", "http://host/a@b"),
        ("http://[::1]:80/x@y", "http://[::1]:80/x@y"),
        ("see http://host and a@b.c", "see http://host and a@b.c"),
        ("mail user:word@host", "mail user:word@host"),
    ],
)
def test_what_a_masked_url_looks_like(text: str, expected: str) -> None:
    assert mask_text(text) == expected
    location = [2, "1", "GetDiagnostics", {"location": text}]
    assert mask(json.dumps(location)).json[3]["location"] == expected


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Basic {SECRET}==",
        f"authorization: Basic {SECRET}+/=",
        f"{{'Authorization': 'Basic {SECRET}'}}",
        json.dumps({"Authorization": f"Bearer {SECRET}"}),
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n",
        f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}",
        json.dumps({"key": f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{SECRET}\n"}),
    ],
)
def test_authorization_headers_and_private_keys_are_masked(text: str) -> None:
    assert SECRET not in mask_text(text)
    frame = json.dumps([2, "1", "DataTransfer", {"vendorId": "v", "data": text}])
    assert SECRET not in shown(mask(frame))
    assert SECRET not in mask_text(frame)


def test_certificates_and_talk_of_authorization_are_shown() -> None:
    text = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE----- Authorization cache: 3"
    assert mask_text(text) == text


def test_other_keys_and_other_fields_are_shown() -> None:
    keys = [
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        {"key": "AuthorizationKey", "readonly": False, "value": SECRET},
    ]
    masked = mask(json.dumps([3, "1", {"configurationKey": keys, "unknownKey": ["x"]}]))
    keys[1]["value"] = "***"
    assert masked.json == [3, "1", {"configurationKey": keys, "unknownKey": ["x"]}]
    assert json.loads(masked.text) == masked.json


def test_a_field_that_is_named_like_the_key_is_masked() -> None:
    assert mask('[2,"1","DataTransfer",{"AuthorizationKey":"S3CRET"}]').json[3] == {
        "AuthorizationKey": "***"
    }
    assert SECRET not in mask_text("{'AuthorizationKey': 'S3CRET'}")
    assert SECRET not in mask_text('{"key":"AuthorizationKey","value":[1,"S3CRET"]')
    assert SECRET not in mask_text('{"key":"AuthorizationKey","value":{"a":"S3CRET"}')
    assert "12345" not in mask_text('{"key":"AuthorizationKey","value":12345')


def test_an_escaped_name_is_recognised_in_broken_json() -> None:
    text = r'[2,"1","ChangeConfiguration",{"key":"\u0041uthorizationKey","value":"S3CRET"}'
    assert SECRET not in mask_text(text)
    assert SECRET not in mask_text(r'{"location":"ftp:\u002f\u002fu:S3CRET@host"')


def test_a_frame_that_is_nested_too_deeply_is_masked_as_text() -> None:
    deep = "[" * 5000 + "]" * 5000
    text = f'[2,"1","ChangeConfiguration",{{"a":{deep},"key":"AuthorizationKey","value":"S3CRET"}}]'
    assert SECRET not in shown(mask(text))


def test_a_fault_does_not_quote_the_secret() -> None:
    text = change("AuthorizationKey", SECRET * 200)
    long = f"1200 characters, at most 500 are allowed: '{SECRET}...{SECRET}'"
    masked = mask(
        text, Fault("$.value", "maxLength 500", long), Fault("$", "x", f"a {SECRET * 200}")
    )
    assert masked.faults[0] == ("$.value", "maxLength 500", "breaks the rule 'maxLength 500': ***")
    assert masked.faults[1] == ("$", "x", "a ***")


def test_a_violation_does_not_quote_the_secret() -> None:
    text = change("AuthorizationKey", SECRET * 3000)
    for frame in (text, text[:10_000]):
        message = f"at most 500 are allowed: '{SECRET}...'"
        violation = Violation("CP1", 0.0, "maxLength 500", "$.value", message, None, frame)
        assert SECRET not in str(violation)
    other = Violation("CP1", 0.0, "JSON", "$", "not JSON: char 5", None, text[:-1])
    assert other.masked_message == "not JSON: char 5"


@given(key=keys, secret=secrets)
def test_an_exception_about_a_payload_does_not_quote_a_secret(key: str, secret: str) -> None:
    for value in (secret * 100, [secret], {"a": secret}):
        payload = {"key": key, "value": value}
        faults = schema.check(PROTOCOL.actions["ChangeConfiguration"].request, payload)
        error = InvalidPayload("ChangeConfiguration", "request", faults, payload=payload)
        assert SECRET not in f"{error} {error!r}"
        assert "$.value" in str(error)


def test_the_refusal_of_a_secret_does_not_quote_it() -> None:
    masker = Masker()

    def show(text: str) -> str:
        return shown(masker.mask(TracedFrame("CP1", "received", text, rpc.decode(text))))

    refusal = [4, "1", "FormationViolation", f"bad: {SECRET}", {"faults": [SECRET]}]
    assert SECRET in show(json.dumps(refusal))
    show(change("AuthorizationKey", SECRET))
    masked = show(json.dumps(refusal))
    assert SECRET not in masked
    assert "FormationViolation" in masked


def test_binary_messages_are_masked_byte_by_byte() -> None:
    data = change("AuthorizationKey", SECRET).encode() + b"\xff\x00"
    masked = mask(data)
    assert isinstance(masked.text, bytes)
    assert masked.text.endswith(b'"***"}]\xff\x00')
    assert mask(b"\x00\xff").text == b"\x00\xff"


def test_without_masking_everything_is_there() -> None:
    text = change("AuthorizationKey", SECRET)
    masked = mask(text, Fault("$.value", "x", SECRET), masking=False)
    assert masked.json == json.loads(text)
    assert masked.text == text
    assert masked.faults == (("$.value", "x", SECRET),)


def test_masking_takes_time_in_proportion_to_the_text() -> None:
    for text in ("://a:b " * 40_000, '"value":"' * 40_000, "AuthorizationKey\\" * 20_000 + '"' * 9):
        mask_text(text + "@ AuthorizationKey")
        mask(json.dumps([text + "@"]))
