"""Encrypted answers (RFC 7516; OpenID Connect Core, 10.2), decrypted by hand with cryptography."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, keywrap, padding
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from joserfc.jwk import ECKey, OctKey, RSAKey

from idp.domain.clients import Client, ContentEnc, KeyAlg
from idp.domain.errors import PortUnavailable
from idp.oidc.client_keys import ClientKeys
from idp.oidc.encryption import NESTED, Encryption
from idp.oidc.errors import OAuth2Error
from idp.oidc.keys import b64, unb64
from idp.ports import WebAnswer

_SIZES = {"A128GCM": 16, "A256GCM": 32, "A128CBC-HS256": 32, "A256CBC-HS512": 64}


@dataclass
class Web:
    """A portal's server with its keys."""

    keys: dict[str, Any] | None = None

    def get(self, url: str, *, accept: str, most: int = 65536) -> WebAnswer:
        del url, accept, most
        if self.keys is None:
            raise PortUnavailable("web")
        return WebAnswer(200, json.dumps(self.keys).encode(), "application/jwk-set+json")

    def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], most: int = 65536
    ) -> WebAnswer:
        raise AssertionError(url, body, headers, most)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, **about: str) -> dict[str, Any]:
    kind = RSAKey if isinstance(key, rsa.RSAPrivateKey) else ECKey
    public = kind.import_key(key.public_key()).as_dict(private=False)  # type: ignore[arg-type]
    return {**public, **about}


KEYS = {
    "keys": [
        jwk(ec_key(), kid="sig-1", use="sig"),
        jwk(rsa_key(), kid="rsa-1", use="enc"),
        jwk(ec_key(), kid="ec-1", use="enc"),
    ]
}


def encryption(web: Web | None = None) -> Encryption:
    return Encryption(ClientKeys(web or Web()))


def client(**changes: Any) -> Client:
    return Client(client_id="hanoi", **{"jwks": KEYS, **changes})


def decrypt(token: str) -> tuple[dict[str, Any], bytes]:
    """Header and contents, without any JOSE library."""
    head, wrapped, iv, text, tag = token.split(".")
    header = json.loads(unb64(head))
    key = _key(header, unb64(wrapped))
    parts = [unb64(part) for part in (iv, text, tag)]
    return header, _contents(header["enc"], key, parts, head.encode())


def _key(header: dict[str, Any], wrapped: bytes) -> bytes:
    alg, size = header["alg"], _SIZES[header["enc"]]
    if alg.startswith("RSA"):
        digest = hashes.SHA256() if alg.endswith("256") else hashes.SHA1()
        return rsa_key().decrypt(wrapped, rsa_padding.OAEP(rsa_padding.MGF1(digest), digest, None))
    direct = alg == "ECDH-ES"
    length = size if direct else int(alg[-5:-2]) // 8
    shared = _agree(header["epk"], header["enc"] if direct else alg, length)
    return shared if direct else keywrap.aes_key_unwrap(shared, wrapped)


def _agree(epk: dict[str, str], name: str, length: int) -> bytes:
    """Concat KDF (RFC 7518, 4.6.2)."""
    x, y = (int.from_bytes(unb64(epk[part]), "big") for part in "xy")
    other = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    secret = ec_key().exchange(ec.ECDH(), other)
    info = len(name).to_bytes(4, "big") + name.encode() + bytes(8)
    info += (length * 8).to_bytes(4, "big")
    return ConcatKDFHash(hashes.SHA256(), length, info).derive(secret)


def _contents(enc: str, key: bytes, parts: list[bytes], aad: bytes) -> bytes:
    iv, text, tag = parts
    if enc.endswith("GCM"):
        return AESGCM(key).decrypt(iv, text + tag, aad)
    half = len(key) // 2
    digest = hashlib.sha256 if half == 16 else hashlib.sha512
    message = aad + iv + text + (8 * len(aad)).to_bytes(8, "big")
    assert hmac.compare_digest(hmac.new(key[:half], message, digest).digest()[:half], tag)
    decryptor = Cipher(algorithms.AES(key[half:]), modes.CBC(iv)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(text) + decryptor.finalize()) + unpadder.finalize()


@pytest.mark.parametrize("enc", list(ContentEnc))
@pytest.mark.parametrize("alg", list(KeyAlg))
def test_rfc7516_every_offered_pair_can_be_decrypted_by_hand(alg: KeyAlg, enc: ContentEnc) -> None:
    token = encryption().encrypt(b"a.b.c", client=client(), alg=alg, enc=enc, cty=NESTED)

    header, contents = decrypt(token)

    assert contents == b"a.b.c"
    assert (header["alg"], header["enc"]) == (alg, enc)


def test_rfc7519_5_2_a_nested_jwt_says_so_and_names_the_clients_key() -> None:
    token = encryption().encrypt(
        b"a.b.c", client=client(), alg=KeyAlg.RSA_OAEP_256, enc=ContentEnc.A256GCM, cty=NESTED
    )

    header, _ = decrypt(token)

    assert header == {
        "alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "rsa-1", "cty": "JWT", "typ": "JWT",
    }  # fmt: skip


def test_plain_json_has_no_cty() -> None:
    token = encryption().encrypt(b"{}", client=client(), alg=KeyAlg.ECDH_ES, enc=ContentEnc.A128GCM)

    header, contents = decrypt(token)

    assert contents == b"{}"
    assert "cty" not in header
    assert header["kid"] == "ec-1"


def test_two_answers_never_share_a_key_or_vector() -> None:
    asked = {"client": client(), "alg": KeyAlg.RSA_OAEP_256, "enc": ContentEnc.A256GCM}

    one, two = (encryption().encrypt(b"same", **asked) for _ in range(2))

    assert all(a != b for a, b in zip(one.split(".")[1:], two.split(".")[1:], strict=True))


def test_a_client_without_encryption_gets_the_token_as_it_is() -> None:
    assert encryption().id_token(client(), "a.b.c") == "a.b.c"
    assert encryption().userinfo(client(), b"{}", cty="") is None
    encryption().check(client(jwks=None))


@pytest.mark.filterwarnings("ignore:Key size should be")
@pytest.mark.parametrize(
    "keys",
    [
        [],
        [jwk(rsa_key(), kid="s", use="sig")],
        [jwk(ec_key(), kid="e", use="enc")],
        [jwk(rsa_key(), kid="other", use="enc", alg="RSA-OAEP")],
        [{"kty": "RSA", "kid": "short", "use": "enc", "e": "AQAB", "n": b64(b"\xc1" * 128)}],
        [OctKey.generate_key(256).as_dict()],
    ],
)
def test_core_10_2_without_a_key_that_fits_nothing_is_answered(keys: list[dict[str, Any]]) -> None:
    asking = client(jwks={"keys": keys}, id_token_encrypted_response_alg=KeyAlg.RSA_OAEP_256)

    for refused in (
        lambda: encryption().id_token(asking, "a.b.c"),
        lambda: encryption().check(asking),
    ):
        with pytest.raises(OAuth2Error) as error:
            refused()
        assert error.value.error == "invalid_request"
        assert "no key" in str(error.value.description)


def test_core_10_2_keys_that_cannot_be_fetched_are_a_reason_to_try_again_later() -> None:
    asking = client(
        jwks=None,
        jwks_uri="https://hanoi.example/jwks",
        id_token_encrypted_response_alg=KeyAlg.RSA_OAEP_256,
    )

    with pytest.raises(OAuth2Error) as error:
        encryption(Web()).check(asking)

    assert (error.value.status_code, error.value.error) == (503, "temporarily_unavailable")


def test_core_10_2_keys_at_jwks_uri_are_used() -> None:
    asking = client(
        jwks=None,
        jwks_uri="https://hanoi.example/jwks",
        id_token_encrypted_response_alg=KeyAlg.RSA_OAEP_256,
        id_token_encrypted_response_enc=ContentEnc.A256GCM,
    )

    _, contents = decrypt(encryption(Web(KEYS)).id_token(asking, "a.b.c"))

    assert contents == b"a.b.c"


def test_registration_2_the_default_encryption_of_contents_is_a128cbc_hs256() -> None:
    asking = client(userinfo_encrypted_response_alg=KeyAlg.RSA_OAEP)

    header, contents = decrypt(encryption().userinfo(asking, b"{}", cty="") or "")

    assert (header["enc"], contents) == ("A128CBC-HS256", b"{}")
