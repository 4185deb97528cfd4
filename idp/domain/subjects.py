"""Who a subject is: identifiers, names, dates and phone numbers of Vietnam, read and compared.

Typed text is read liberally (spaces, dots, dashes, full-width digits, any Unicode form) and kept
in one canonical form. Every ``parse`` raises ``InvalidInput`` with a code that names the fault.
"""

from __future__ import annotations

import contextlib
import enum
import re
import unicodedata
from dataclasses import dataclass
from datetime import date

import phonenumbers
from stdnum.exceptions import ValidationError
from stdnum.vn import mst

from idp.domain.errors import InvalidInput


class SubjectKind(enum.StrEnum):
    """Who may own an account."""

    CITIZEN = "citizen"
    ENTERPRISE = "enterprise"
    AGENCY = "agency"


class IdKind(enum.StrEnum):
    """Kinds of identifier; the list stays open for passports and residents (S19)."""

    CMND = "cmnd"
    CCCD = "cccd"
    PASSPORT = "passport"
    FOREIGNER = "foreigner"
    TAX_CODE = "mst"
    AGENCY_CODE = "mdv"


class Sex(enum.StrEnum):
    """As registers record it."""

    MALE = "male"
    FEMALE = "female"


class NameForm(enum.Enum):
    """Whether a source writes names with their accents; it is declared, never guessed."""

    ACCENTED = "accented"
    UNACCENTED = "unaccented"


_SEPARATORS = re.compile(r"[\s.\-\u2010-\u2015\u00a0\u200b\u202f\ufeff]+")
_MAX_TYPED = 512


def _digits(text: str) -> str:
    """Typed digits in plain form: compatibility-normalised, without separators."""
    if len(text) > _MAX_TYPED:
        return "?"
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))


@dataclass(frozen=True, slots=True)
class IdNumber:
    """A personal number: CMND (9 digits) or CCCD (12 digits, NĐ 137/2015 article 13).

    The kind follows the length, never a prefix somebody wrote beside it.
    """

    kind: IdKind
    value: str

    @classmethod
    def parse(cls, text: str) -> IdNumber:
        """Read a typed number; codes ``id_number.empty`` and ``id_number.form``."""
        digits = _digits(text)
        if not digits:
            raise InvalidInput("id_number.empty")
        if re.fullmatch(r"[0-9]{9}", digits):
            return cls(IdKind.CMND, digits)
        if re.fullmatch(r"[0-9]{12}", digits):
            return cls(IdKind.CCCD, digits)
        raise InvalidInput("id_number.form")

    @classmethod
    def parse_any(cls, text: str) -> IdNumber:
        """Read what any account is known by: a personal number, a tax code, an agency's code.

        Codes as of ``parse``.
        """
        try:
            return cls.parse(text)
        except InvalidInput as error:
            kinds = ((IdKind.TAX_CODE, TaxCode), (IdKind.AGENCY_CODE, AgencyCode))
            for kind, form in kinds:
                with contextlib.suppress(InvalidInput):
                    return cls(kind, form.parse(text).value)
            raise error from None

    def agrees_with(self, birth_date: BirthDate, sex: Sex | None = None) -> bool:
        """Whether century, sex and year digits can belong to that person (TT 07/2016 article 7).

        A CMND carries neither; the province is never judged, since codes of births abroad are open.
        """
        if self.kind is not IdKind.CCCD:
            return True
        century = birth_date.year // 100 - 19
        marker = int(self.value[3])
        return (
            marker // 2 == century
            and int(self.value[4:6]) == birth_date.year % 100
            and (sex is None or marker % 2 == (sex is Sex.FEMALE))
        )

    @property
    def masked(self) -> str:
        """For screens and logs: the first and last three digits; codes of agencies are public."""
        if self.kind is IdKind.AGENCY_CODE:
            return self.value
        return f"{self.value[:3]}{'*' * (len(self.value) - 6)}{self.value[-3:]}"


_DATE = re.compile(r"([0-9]{1,2})[/.\-]([0-9]{1,2})[/.\-]([0-9]{4})")
_OLDEST = 1880


@dataclass(frozen=True, slots=True)
class BirthDate:
    """A birth date, or only a year: some records hold no more."""

    year: int
    month: int | None = None
    day: int | None = None

    @classmethod
    def parse(cls, text: str) -> BirthDate:
        """Read dd/mm/yyyy; codes ``birth_date.empty`` and ``birth_date.form``."""
        typed = unicodedata.normalize("NFKC", text[:_MAX_TYPED]).strip()
        if not typed:
            raise InvalidInput("birth_date.empty")
        found = _DATE.fullmatch(re.sub(r"\s+", "", typed))
        if not found:
            raise InvalidInput("birth_date.form")
        day, month, year = map(int, found.groups())
        return cls._checked(year, month, day)

    @classmethod
    def from_iso(cls, text: str) -> BirthDate:
        """Read YYYY-MM-DD or YYYY, as registers write it."""
        if re.fullmatch(r"[0-9]{4}", text):
            return cls(int(text))
        found = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", text)
        if not found:
            raise InvalidInput("birth_date.form")
        return cls._checked(*map(int, found.groups()))

    @classmethod
    def _checked(cls, year: int, month: int, day: int) -> BirthDate:
        try:
            date(year, month, day)
        except ValueError:
            raise InvalidInput("birth_date.form") from None
        if year < _OLDEST:
            raise InvalidInput("birth_date.form")
        return cls(year, month, day)

    @property
    def iso(self) -> str:
        """YYYY-MM-DD or YYYY (OpenID Connect Core, 5.1)."""
        if self.month is None or self.day is None:
            return f"{self.year:04d}"
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}"

    @property
    def display(self) -> str:
        """dd/mm/yyyy, or the year alone."""
        if self.month is None or self.day is None:
            return f"{self.year:04d}"
        return f"{self.day:02d}/{self.month:02d}/{self.year:04d}"

    def matches(self, record: BirthDate) -> bool:
        """Whether this typed date is the record's; the year decides only if it has no more."""
        return self.year == record.year if record.month is None else self == record

    def age_on(self, day: date) -> int:
        """Completed years; a bare year counts as its last day, the younger reading."""
        birthday = (self.month or 12, self.day or 31)
        return day.year - self.year - ((day.month, day.day) < birthday)


_OLD_PREFIXES = {
    **{f"016{n}": f"03{n}" for n in range(2, 10)},
    "0120": "070", "0121": "079", "0122": "077", "0126": "076", "0128": "078",
    "0123": "083", "0124": "084", "0125": "085", "0127": "081", "0129": "082",
    "0186": "056", "0188": "058", "0199": "059",
}  # fmt: skip
"""11-digit numbers that old records still hold, renumbered in 2018."""


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A Vietnamese mobile number in E.164."""

    e164: str

    @classmethod
    def parse(cls, text: str) -> PhoneNumber:
        """Read any usual spelling; codes ``phone.empty`` and ``phone.form``."""
        typed = re.sub(r"[()]", "", _digits(text))
        if not typed:
            raise InvalidInput("phone.empty")
        found = re.fullmatch(r"(?:\+84|0084|84(?=[0-9]{9,10}$))?0?([0-9]{9,10})", typed)
        if not found:
            raise InvalidInput("phone.form")
        national = f"0{found[1]}"
        if len(national) == 11:  # noqa: PLR2004  the old length itself
            national = _OLD_PREFIXES.get(national[:4], "?") + national[4:]
        if not re.fullmatch(r"0[0-9]{9}", national):
            raise InvalidInput("phone.form")
        number = phonenumbers.parse(national, "VN")
        if (
            not phonenumbers.is_valid_number(number)
            or phonenumbers.number_type(number) != phonenumbers.PhoneNumberType.MOBILE
        ):
            raise InvalidInput("phone.form")
        return cls(f"+84{national[1:]}")

    @property
    def national(self) -> str:
        """As dialled at home: ten digits."""
        return f"0{self.e164[3:]}"

    @property
    def display(self) -> str:
        """Grouped for reading."""
        return f"{self.national[:4]} {self.national[4:7]} {self.national[7:]}"

    @property
    def masked(self) -> str:
        """First three and last three digits (R16)."""
        return f"{self.national[:3]}****{self.national[-3:]}"


_TONES = "\u0300\u0301\u0303\u0309\u0323"
_APOSTROPHES = re.compile("[\u2019\u02bc\u2018\u00b4\u02b9`]")
_HYPHENS = re.compile("[\u2010-\u2015\u2212]")
_LOOKALIKES = str.maketrans({"\u00d0": "Đ", "\u0189": "Đ", "\u00f0": "đ", "\u0256": "đ"})
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class PersonName:
    """A person's name as written; compared by key, never by spelling."""

    display: str

    @classmethod
    def parse(cls, text: str) -> PersonName:
        """Read a typed name; codes ``name.empty`` and ``name.form``."""
        if len(text) > _MAX_TYPED:
            raise InvalidInput("name.form")
        name = " ".join(unicodedata.normalize("NFC", text).split())
        if not name:
            raise InvalidInput("name.empty")
        letters = [char for char in name if unicodedata.category(char)[0] in "LM"]
        if len(name) > _MAX_NAME or not letters or not all(map(_is_name_character, name)):
            raise InvalidInput("name.form")
        return cls(name)

    @property
    def strict_key(self) -> str:
        """Equal for the same name whatever its case, Unicode form and place of the tone mark."""
        name = _APOSTROPHES.sub("'", _HYPHENS.sub("-", self.display)).translate(_LOOKALIKES)
        return " ".join(_tone_last(syllable) for syllable in name.casefold().split())

    @property
    def folded_key(self) -> str:
        """Without marks and spaces: only for a source declared unaccented."""
        plain = unicodedata.normalize("NFD", self.strict_key.replace("đ", "d"))
        kept = (char for char in plain if unicodedata.category(char) != "Mn")
        return "".join(kept).replace(" ", "")

    def matches(self, record: PersonName, *, form: NameForm) -> bool:
        """Whether both are one name; the folded key serves unaccented sources alone."""
        match form:
            case NameForm.ACCENTED:
                return self.strict_key == record.strict_key
            case NameForm.UNACCENTED:
                return self.folded_key == record.folded_key


def _is_name_character(char: str) -> bool:
    return (
        char in " '-."
        or unicodedata.category(char)[0] in "LM"
        or bool(_APOSTROPHES.match(char) or _HYPHENS.match(char))
    )


def _tone_last(syllable: str) -> str:
    parts = unicodedata.normalize("NFD", syllable)
    tones = "".join(char for char in parts if char in _TONES)
    base = "".join(char for char in parts if char not in _TONES)
    return unicodedata.normalize("NFC", base) + tones


@dataclass(frozen=True, slots=True)
class InsuranceCode:
    """A social-insurance code: 10 digits, or the 12 of the personal number (formats B.4)."""

    value: str

    @classmethod
    def parse(cls, text: str) -> InsuranceCode:
        """Read a code or a health-insurance number; codes ``insurance.empty``, ``insurance.form``.

        The last ten digits of a 15-character health-insurance number are the code.
        """
        typed = _digits(text).upper()
        if not typed:
            raise InvalidInput("insurance.empty")
        found = re.fullmatch(r"(?:[A-Z]{2}[0-9]{3})?([0-9]{10})|([0-9]{12})", typed)
        if not found:
            raise InvalidInput("insurance.form")
        return cls(found[1] or found[2])


@dataclass(frozen=True, slots=True)
class TaxCode:
    """A tax code (MST): 10 digits, or 13 with the branch; kept without the dash."""

    value: str

    @classmethod
    def parse(cls, text: str) -> TaxCode:
        """Read and check its check digit; code ``tax_code.form``."""
        try:
            return cls(mst.validate(_digits(text)).replace("-", ""))
        except ValidationError:
            raise InvalidInput("tax_code.form") from None

    @property
    def parent(self) -> str:
        """The ten digits of the firm itself."""
        return self.value[:10]


@dataclass(frozen=True, slots=True)
class AgencyCode:
    """An agency's code, canonical in the form of QĐ 20/2020/QĐ-TTg (level 1 first)."""

    value: str

    @classmethod
    def parse(cls, text: str) -> AgencyCode:
        """Read either the old (QCVN 102:2016) or the new form; code ``agency_code.form``."""
        typed = text[:_MAX_TYPED].strip().upper()
        old = re.fullmatch(r"([0-9]{3})\.([0-9]{2})\.([0-9]{2})\.([A-Z][0-9]{2})", typed)
        if old:
            lower = [part for part in (old[3], old[2], old[1]) if int(part)]
            return cls(".".join([old[4], *lower]))
        if len(typed) <= 35 and re.fullmatch(r"[A-Z][0-9]{2}(\.[0-9]{2,3}){0,8}", typed):  # noqa: PLR2004
            return cls(typed)
        raise InvalidInput("agency_code.form")


_EMAIL = re.compile(
    r"[^\s@<>\"(),:;\\\[\]]{1,64}@([^\s@<>\"(),:;\\\[\]/]+\.[^\s@<>\"(),:;\\\[\]/.]{2,})"
)
_MAX_EMAIL = 254


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An e-mail address; only a confirmation mail proves that it works."""

    value: str

    @classmethod
    def parse(cls, text: str) -> EmailAddress:
        """Read a typed address; code ``email.form``."""
        typed = unicodedata.normalize("NFC", text[:_MAX_TYPED]).strip()
        found = _EMAIL.fullmatch(typed)
        if not found or len(typed) > _MAX_EMAIL or not typed.isprintable() or ".." in typed:
            raise InvalidInput("email.form")
        local, domain = typed.split("@")
        return cls(f"{local}@{domain.lower()}")
