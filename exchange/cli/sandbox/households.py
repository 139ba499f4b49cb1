"""The twenty citizens: each family is there for a service; some have all of its papers, some lack exactly one.

Adults have fixed birth dates, so that their NIK is the same in every sandbox; only the baby and the boy who has
just turned 17 are born relative to the day on which the world is made.
"""

from __future__ import annotations

from datetime import date

from exchange.cli.sandbox.kinds import paper
from exchange.cli.sandbox.register import Register


def write_households(register: Register) -> None:
    """All families, in the order that gives the numbers."""
    for family in (_contoh, _percobaan, _sintetis, _singles, _purwarupa, _couple_to_be, _model):
        family(register)


def _contoh(r: Register) -> None:
    red = paper("PASFOTO", issued=40, background="red")
    married = paper("BUKU_NIKAH", issued=4_000)
    father = r.person(
        "Budi Contoh", "L", date(1990, 8, 17), "SKCK dan paspor baru: lengkap",
        paper("KTP", issued=2_100), paper("KK", issued=900), paper("AKTA_LAHIR", issued=5_000),
        paper("IJAZAH", issued=6_400, level="SMA"), married, paper("NPWP", issued=2_500), red,
        paper("SKCK", issued=60),
    )  # fmt: skip
    mother = r.person(
        "Sari Contoh", "P", date(1992, 8, 17), "Surat Izin Praktik: lengkap",
        paper("KTP", issued=1_900), paper("KK", issued=900), paper("STR", issued=1_000),
        paper("IJAZAH", issued=4_200, level="D3"), paper("SK_SEHAT", issued=10), paper("PAKLARING", issued=50),
        red, married, paper("KARTU_JKN", issued=1_500),
    )  # fmt: skip
    boy = r.person(
        "Bayu Contoh", "L", date(2016, 5, 9), "Paspor anak: kurang izin orang tua",
        paper("AKTA_LAHIR", issued=3_500), paper("KIA", issued=1_600, lasts=700),
    )  # fmt: skip
    baby = r.person(
        "Melati Contoh", "P", r.ago(21), "Bayi baru lahir: akta belum terbit", paper("SK_LAHIR", issued=20)
    )
    r.family("647209", date(2020, 3, 15), father, mother, boy, baby, parents=2)


def _percobaan(r: Register) -> None:
    father = r.person(
        "Rudi Percobaan", "L", date(1985, 3, 2), "SIM: sudah lewat masa berlaku",
        paper("KTP", issued=2_400), paper("KK", issued=700), paper("SIM", issued=1_916, lasts=-90),
        paper("SK_SEHAT", issued=6), paper("SK_PSIKOLOGI", issued=30), paper("BUKU_REKENING", issued=1_200),
    )  # fmt: skip
    mother = r.person(
        "Dewi Percobaan", "P", date(1987, 11, 21), "Penggantian paspor: lengkap, paspor lama habis",
        paper("KTP", issued=2_300), paper("KK", issued=700), paper("PASPOR", issued=1_860, lasts=-35),
    )  # fmt: skip
    eldest = r.person(
        "Adi Percobaan", "L", r.ago(17 * 365 + 70), "KTP-el pertama: lengkap",
        paper("KK", issued=700), paper("AKTA_LAHIR", issued=6_000), paper("KIA", issued=2_000, lasts=-66),
    )  # fmt: skip
    younger = r.person(
        "Nita Percobaan",
        "P",
        date(2014, 7, 30),
        "Kartu Identitas Anak: lengkap",
        paper("AKTA_LAHIR", issued=4_000),
    )
    r.family("647206", date(2010, 1, 20), father, mother, eldest, younger, parents=2)


def _sintetis(r: Register) -> None:
    grandmother = r.person(
        "Contohwati", "P", date(1951, 4, 12), "PBI-JKN: lengkap dengan SKTM; tanpa surel",
        paper("KTP", issued=3_000, shape="photo"), paper("KK", issued=1_400), paper("SKTM", issued=45),
        email=False,
    )  # fmt: skip
    son = r.person(
        "Joko Sintetis", "L", date(1975, 9, 28), "STNK tahunan dan perpanjangan SIM: lengkap",
        paper("KTP", issued=2_700), paper("KK", issued=1_400),
        paper("STNK", issued=1_460, lasts=365, about="KT 1234 ZZ"), paper("BPKB", issued=3_200, about="KT 1234 ZZ"),
        paper("SIM", issued=1_795, lasts=31), paper("SK_SEHAT", issued=4), paper("SK_PSIKOLOGI", issued=12),
    )  # fmt: skip
    r.family("647201", date(2008, 6, 3), grandmother, son)


def _singles(r: Register) -> None:
    seeker = r.person(
        "Rina Simulasi", "P", date(1998, 2, 14), "Kartu AK-1: lengkap, pas foto lama",
        paper("KTP", issued=1_500), paper("KK", issued=600), paper("AKTA_LAHIR", issued=5_500),
        paper("IJAZAH", issued=1_800, level="S1"), paper("PASFOTO", issued=430, background="red"),
    )  # fmt: skip
    graduate = r.person(
        "Tono Simulasi", "L", date(1996, 12, 5), "Paspor baru: kurang bukti nama orang tua (ijazah S1 saja)",
        paper("KTP", issued=1_700), paper("KK", issued=420), paper("IJAZAH", issued=1_500, level="S1"),
    )  # fmt: skip
    divorced = r.person(
        "Maya Ujian", "P", date(1989, 6, 25), "Perubahan KK setelah cerai: lengkap",
        paper("KTP", issued=2_200), paper("KK", issued=1_000), paper("AKTA_CERAI", issued=150),
        paper("PASFOTO", issued=90, background="red"),
    )  # fmt: skip
    r.family("647203", date(2024, 2, 1), seeker)
    r.family("647205", date(2023, 8, 11), graduate)
    r.family("647208", date(2021, 10, 4), divorced)


def _purwarupa(r: Register) -> None:
    land = "647203000100199990"
    married = paper("BUKU_NIKAH", issued=5_400)
    owner = r.person(
        "Hendra Purwarupa", "L", date(1980, 10, 10), "Izin pangan rumahan, PBG, dan izin edar: lengkap",
        paper("KTP", issued=2_600), paper("KK", issued=1_100), paper("NPWP", issued=3_000),
        paper("NIB", issued=800), paper("AKTA_PENDIRIAN", issued=850), paper("NPWP_BADAN", issued=820),
        paper("PASFOTO", issued=75, background="red"), paper("SERTIPIKAT_TANAH", issued=4_400, about=land),
        paper("SPPT_PBB", issued=200, tax_year=0, about=land), married,
    )  # fmt: skip
    wife = r.person(
        "Lina Purwarupa", "P", date(1982, 1, 7), "Pendaftaran JKN mandiri: lengkap; SKCK lama habis",
        paper("KTP", issued=2_500), paper("KK", issued=1_100), paper("BUKU_REKENING", issued=900),
        paper("AKTA_LAHIR", issued=7_000), paper("SKCK", issued=310), paper("PASFOTO", issued=75, background="red"),
        married,
    )  # fmt: skip
    child = r.person(
        "Putri Purwarupa", "P", date(2018, 3, 31), "Paspor anak: kurang izin orang tua", paper("AKTA_LAHIR", issued=2_800),
        paper("KIA", issued=900, lasts=1_500),
    )  # fmt: skip
    r.family("647203", date(2015, 5, 18), owner, wife, child, parents=2)


def _couple_to_be(r: Register) -> None:
    letters = (paper("N1", issued=14), paper("AKTA_LAHIR", issued=6_500), paper("KTP", issued=1_300))
    blue = paper("PASFOTO", issued=20, background="blue")
    groom = r.person(
        "Agus Peraga", "L", date(2001, 5, 20), "Daftar nikah: lengkap",
        *letters, paper("KK", issued=1_250), paper("SK_SEHAT", issued=15), blue,
    )  # fmt: skip
    bride = r.person(
        "Wulan Ujicoba", "P", date(2002, 11, 2), "Daftar nikah: kurang surat sehat",
        *letters, paper("KK", issued=1_150), blue,
    )  # fmt: skip
    r.family("647204", date(2012, 9, 27), groom)
    r.family("647207", date(2013, 4, 16), bride)


def _model(r: Register) -> None:
    land = "647210000200299990"
    husband = r.person(
        "Yusuf Model", "L", date(1969, 1, 23), "Mutasi PBB: lengkap; balik nama: SPPT tahun lalu",
        paper("KTP", issued=2_900), paper("KK", issued=1_700), paper("SERTIPIKAT_TANAH", issued=5_200, about=land),
        paper("SPPT_PBB", issued=560, tax_year=-1, about=land),
        area="640401",  # an area code from before North Kalimantan was split off: a warning (N4), not an error
    )  # fmt: skip
    wife = r.person(
        "Siti Model", "P", date(1971, 8, 8), "Klaim JHT: lengkap",
        paper("KTP", issued=2_900), paper("KK", issued=1_700), paper("KARTU_BPJSTK", issued=2_000),
        paper("BUKU_REKENING", issued=2_200), paper("PAKLARING", issued=95, shape="photo"),
    )  # fmt: skip
    r.family("647210", date(2009, 12, 9), husband, wife)
