"""What each type of document holds and why it is asked, in a citizen's words (UU 27/2022 art. 21(1) c and e).

The catalogue names the paper; these sentences say what a reader of that paper learns. A type that is not listed
is described as a whole, never as less than it is. Every text of the tables is gathered for translation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaperWords:
    """``short`` fits in a text message, ``holds`` follows "Isi:", ``why`` follows "Mengapa diminta:"."""

    short: str
    holds: str
    why: str


_IDENTITY = "memastikan identitas Anda"
_FAMILY = "memastikan susunan keluarga"
_MARRIAGE = "memastikan status perkawinan"
_BIRTH = "memastikan kelahiran dan nama orang tua"
_DEATH = "memastikan peristiwa kematian"
_BUSINESS = "memastikan data usaha"
_TAX = "memastikan data pajak"
_VEHICLE = "memastikan data kendaraan"
_LAND = "memastikan hak atas tanah"
_HEALTH = "memastikan keadaan kesehatan"
_WORK = "memastikan riwayat pekerjaan"
_SKILL = "memastikan pendidikan dan keahlian"
_ADDRESS = "memastikan tempat tinggal"
_MONEY = "memastikan rekening pembayaran"
_PROXY = "memastikan wewenang yang mewakili"
_REPORT = "melengkapi permohonan"
_WHOLE = "seluruh isi dokumen"

_WORDS: dict[str, tuple[str, str, str]] = {
    "KTP": ("KTP-el", "nama, NIK, kelahiran, alamat, foto", _IDENTITY),
    "IKD": ("IKD", "nama, NIK, alamat, foto", _IDENTITY),
    "KK": ("KK", "nama, NIK, dan orang tua semua anggota", _FAMILY),
    "KIA": ("KIA", "nama, NIK, kelahiran, dan alamat anak", _IDENTITY),
    "AKTA_LAHIR": ("Akta Kelahiran", "nama, kelahiran, nama orang tua", _BIRTH),
    "AKTA_KEMATIAN": ("Akta Kematian", "nama dan tanggal meninggal", _DEATH),
    "AKTA_KAWIN": ("Akta Perkawinan", "nama pasangan, tanggal perkawinan", _MARRIAGE),
    "BUKU_NIKAH": ("Buku Nikah", "nama pasangan, tanggal nikah, foto", _MARRIAGE),
    "AKTA_CERAI": ("Akta Cerai", "nama kedua pihak, tanggal cerai", _MARRIAGE),
    "SKPWNI": ("SKPWNI", "nama, NIK, alamat asal dan tujuan", _ADDRESS),
    "SUKET_REKAM": ("Suket KTP-el", "nama, NIK, kelahiran, alamat", _IDENTITY),
    "NPWP": ("NPWP", "nama, nomor pajak, alamat", _TAX),
    "NPWP_BADAN": ("NPWP Badan", "nama badan, nomor pajak, alamat", _TAX),
    "NIB": ("NIB", "nama pelaku usaha, nomor, bidang usaha", _BUSINESS),
    "AKTA_PENDIRIAN": ("Akta Pendirian", "nama pendiri, pengurus, dan modal", _BUSINESS),
    "PASPOR": ("Paspor", "nama, kelahiran, nomor paspor, foto", _IDENTITY),
    "SIM": ("SIM", "nama, alamat, golongan SIM, foto", "memastikan izin mengemudi"),
    "SKCK": ("SKCK", "nama, NIK, catatan kepolisian", "memastikan catatan kepolisian"),
    "STNK": ("STNK", "nama pemilik, alamat, data kendaraan", _VEHICLE),
    "BPKB": ("BPKB", "nama pemilik, data kendaraan", _VEHICLE),
    "SK_BPKB_BANK": ("Surat BPKB", "nama pemilik, pemberi pinjaman", _VEHICLE),
    "KARTU_JKN": (
        "Kartu JKN",
        "nama, nomor peserta, kelas rawat",
        "memastikan kepesertaan jaminan kesehatan",
    ),
    "KARTU_BPJSTK": (
        "Kartu BPJS TK",
        "nama, nomor peserta, pemberi kerja",
        "memastikan kepesertaan jaminan kerja",
    ),
    "IJAZAH": ("Ijazah", "nama, kelahiran, sekolah, tahun lulus", _SKILL),
    "SK_LAHIR": ("Surat Lahir", "nama ibu, waktu dan tempat lahir bayi", _BIRTH),
    "SK_KEMATIAN": ("Surat Kematian", "nama, waktu dan sebab meninggal", _DEATH),
    "SK_SEHAT": ("Surat Sehat", "nama, hasil pemeriksaan kesehatan", _HEALTH),
    "SK_PSIKOLOGI": ("Surat Psikologi", "nama, hasil tes psikologi", _HEALTH),
    "SK_DOMISILI": ("Surat Domisili", "nama, NIK, alamat", _ADDRESS),
    "PENGANTAR_RT": ("Pengantar RT", "nama, alamat, keperluan", _ADDRESS),
    "SKTM": ("SKTM", "nama, alamat, keadaan ekonomi keluarga", "memastikan hak atas bantuan"),
    "SURAT_KUASA": ("Surat Kuasa", "nama dan NIK kedua pihak", _PROXY),
    "SK_WARIS": ("Surat Waris", "nama pewaris dan semua ahli waris", "memastikan ahli waris"),
    "SERTIPIKAT_TANAH": ("Sertipikat Tanah", "nama pemilik, letak dan luas tanah", _LAND),
    "AJB": ("AJB", "nama penjual dan pembeli, harga tanah", _LAND),
    "SPPT_PBB": ("SPPT PBB", "nama, letak tanah, pajak terutang", _TAX),
    "SSPD_BPHTB": ("SSPD BPHTB", "nama, nilai perolehan, pajak dibayar", _TAX),
    "STR": ("STR", "nama, profesi, nomor registrasi", _SKILL),
    "SIP": ("SIP", "nama, profesi, tempat praktik", "memastikan izin praktik"),
    "AK1": ("Kartu AK-1", "nama, NIK, pendidikan, keahlian", _WORK),
    "PAKLARING": ("Surat Kerja", "nama, jabatan, masa kerja", _WORK),
    "BUKU_REKENING": ("Buku Rekening", "nama, bank, nomor rekening", _MONEY),
    "SK_PENSIUN": ("SK Pensiun", "nama, NIP, besar pensiun", "memastikan hak pensiun"),
    "PASFOTO": ("Pas foto", "foto wajah Anda", "melengkapi dokumen yang diterbitkan"),
    "SPTJM": ("SPTJM", "nama, NIK, isi pernyataan Anda", _REPORT),
    "SK_HILANG": ("Surat Kehilangan", "nama, alamat, barang yang hilang", "memastikan laporan kehilangan"),
    "N1": ("Pengantar Nikah", "nama, NIK, nama orang tua, status", _MARRIAGE),
    "IZIN_ORTU": ("Izin Orang Tua", "nama orang tua dan anak", "memastikan izin orang tua atau wali"),
    "KITAP_KITAS": ("Izin Tinggal", "nama, kewarganegaraan, masa izin", _IDENTITY),
    "PENETAPAN": ("Penetapan", "nama para pihak, isi penetapan", "memastikan penetapan pengadilan"),
}


def paper_words(code: str, name: str) -> PaperWords:
    """The words for a type of the catalogue; ``name`` is its catalogue name, used when the type is new to us."""
    return PaperWords(*_WORDS.get(code, (name, _WHOLE, _REPORT)))


def described() -> frozenset[str]:
    """The codes that have words of their own."""
    return frozenset(_WORDS)
