"""What the dialogues say, with the words of the guide (R35, R36), in both languages."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("vi", "en")

_VI = {
    "list": "Danh sách chứng thư số",
    "asks": "Yêu cầu xác nhận từ",
    "compare": "Chỉ tiếp tục khi đây là địa chỉ của trang bạn đang mở.",
    "choose": "Chọn chứng thư số của bạn",
    "issuer": "Nơi cấp",
    "valid": "Hiệu lực",
    "until": "đến",
    "serial": "Số sê-ri",
    "expired": "Chứng thư số đã hết hạn.",
    "details": "Xem chi tiết",
    "number": "Số thứ tự:",
    "check": "Kiểm tra mã PIN",
    "confirm": "Xác nhận mã PIN:",
    "pin": "Mã PIN:",
    "caps": "Phím Caps Lock đang bật.",
    "keyboard": "Sử dụng bàn phím ảo",
    "go_on": "OK",
    "back": "Quay lại",
    "login": "Đăng nhập",
    "cancel": "Hủy",
    "count_low": "Mã PIN đã bị nhập sai. Còn ít lần thử.",
    "final_try": "Đây là lần thử cuối cùng trước khi thiết bị bị khóa.",
    "locked": "Mã PIN đã bị khóa. Hãy liên hệ nơi cấp chứng thư số.",
}

_EN = {
    "list": "Certificates",
    "asks": "Confirmation asked for by",
    "compare": "Go on only if this is the address of the page you have open.",
    "choose": "Choose your certificate",
    "issuer": "Issued by",
    "valid": "Valid",
    "until": "to",
    "serial": "Serial number",
    "expired": "The certificate has expired.",
    "details": "Details",
    "number": "Number:",
    "check": "PIN check",
    "confirm": "Confirm with your PIN:",
    "pin": "PIN:",
    "caps": "Caps Lock is on.",
    "keyboard": "Use the keyboard on the screen",
    "go_on": "OK",
    "back": "Back",
    "login": "Sign in",
    "cancel": "Cancel",
    "count_low": "A wrong PIN was typed before. Few tries are left.",
    "final_try": "This is the last try before the token locks itself.",
    "locked": "The PIN is locked. Please ask whoever issued the certificate.",
}


def words(language: str) -> Mapping[str, str]:
    """The words of a language."""
    return _EN if language == "en" else _VI
