"""What the dialogues say, with the words of the guide (R35, R36)."""

TEXT = {
    "title": "Danh sách chứng thư số",
    "choose": "Chọn chứng thư số của bạn",
    "asks": "Yêu cầu xác nhận từ",
    "number": "Số thứ tự:",
    "check": "Kiểm tra mã PIN",
    "pin": "Mã PIN:",
    "keyboard": "Sử dụng bàn phím ảo",
    "login": "Đăng nhập",
    "cancel": "Hủy",
    "count_low": "Mã PIN đã bị nhập sai. Còn ít lần thử.",
    "final_try": "Đây là lần thử cuối cùng trước khi thiết bị bị khóa.",
    "locked": "Mã PIN đã bị khóa. Hãy liên hệ nơi cấp chứng thư số.",
    "valid": "Hiệu lực",
}
