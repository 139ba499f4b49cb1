"""What each service answers to each family of ``families.py``, written down by reading the rules.

Columns: service, family, complete or not, and the state of each top-level entry that applies (place in the list:state).
"""

from __future__ import annotations

TABLE = """
DISDUKCAPIL.KK_BARU            rina  complete    0:at_counter 1:valid
DISDUKCAPIL.KK_BARU            budi  complete    0:at_counter 1:old_copy 2:valid
DISDUKCAPIL.KK_BARU            wati  incomplete  0:at_counter 1:valid 4:valid 5:stale
DISDUKCAPIL.KK_UBAH            rina  complete    0:at_counter 1:valid 2:valid
DISDUKCAPIL.KK_UBAH            budi  complete    0:at_counter 1:old_copy 2:valid
DISDUKCAPIL.KK_UBAH            wati  complete    0:at_counter 1:valid 2:valid 3:valid
DISDUKCAPIL.KTP_BARU           rina  complete    0:at_counter 1:valid
DISDUKCAPIL.KTP_BARU           budi  incomplete  0:at_counter 1:stale
DISDUKCAPIL.KTP_BARU           wati  complete    0:at_counter 1:valid
DISDUKCAPIL.KTP_HILANG_RUSAK   rina  complete    0:at_counter 1:valid
DISDUKCAPIL.KTP_HILANG_RUSAK   budi  incomplete  0:at_counter 1:stale 4:old_copy
DISDUKCAPIL.KTP_HILANG_RUSAK   wati  complete    0:at_counter 1:valid 5:valid
DISDUKCAPIL.PINDAH_KELUAR      rina  complete    0:at_counter 1:valid
DISDUKCAPIL.PINDAH_KELUAR      budi  complete    0:at_counter 1:old_copy
DISDUKCAPIL.PINDAH_KELUAR      wati  complete    0:at_counter 1:valid 2:valid
DISDUKCAPIL.AKTA_LAHIR         rina  incomplete  0:at_counter 1:party_missing 2:party_missing 3:party_missing 4:party_missing
DISDUKCAPIL.AKTA_LAHIR         budi  incomplete  0:at_counter 1:valid 2:valid 3:old_copy 4:stale
DISDUKCAPIL.AKTA_LAHIR         wati  incomplete  0:at_counter 1:party_missing 2:party_missing 3:party_missing 4:party_missing 5:valid
DISDUKCAPIL.AKTA_KEMATIAN      rina  incomplete  0:at_counter 1:party_missing 2:party_missing 3:valid
DISDUKCAPIL.AKTA_KEMATIAN      budi  incomplete  0:at_counter 1:party_missing 2:party_missing 3:stale
DISDUKCAPIL.AKTA_KEMATIAN      wati  complete    0:at_counter 1:valid 2:valid 3:valid 4:valid
DISDUKCAPIL.KIA                rina  incomplete  0:party_missing 1:party_missing 2:party_missing 3:party_missing
DISDUKCAPIL.KIA                budi  incomplete  0:missing 1:stale 2:stale 3:missing
DISDUKCAPIL.KIA                wati  incomplete  0:party_missing 1:party_missing 2:party_missing 3:party_missing
DPMPTSP.NIB                    rina  complete    0:valid 1:valid
DPMPTSP.NIB                    budi  incomplete  0:stale 1:valid
DPMPTSP.NIB                    wati  incomplete  0:valid 1:missing 2:stale 3:valid
DPMPTSP.SIP_NAKES              rina  complete    0:at_counter 1:valid 2:valid 3:valid 4:valid 5:valid 9:valid
DPMPTSP.SIP_NAKES              budi  incomplete  0:at_counter 1:stale 2:expired 3:valid 4:expired 5:valid 6:valid 7:undetermined 8:old_copy 9:missing
DPMPTSP.SIP_NAKES              wati  incomplete  0:at_counter 1:valid 2:missing 3:missing 4:missing 5:missing 9:valid 10:valid
DPMPTSP.PBG                    rina  complete    0:at_counter 1:valid 2:valid 3:valid
DPMPTSP.PBG                    budi  incomplete  0:at_counter 1:stale 2:valid 3:expired
DPMPTSP.PBG                    wati  complete    0:at_counter 1:valid 2:valid 3:valid 4:valid 5:valid
DINKES.SPP_IRT                 rina  complete    0:valid 1:valid 2:valid
DINKES.SPP_IRT                 budi  incomplete  0:stale 1:party_missing 2:missing
DINKES.SPP_IRT                 wati  complete    0:valid 1:valid 2:valid
IMIGRASI.PASPOR_BARU_DEWASA    rina  complete    0:valid 1:valid 2:valid
IMIGRASI.PASPOR_BARU_DEWASA    budi  incomplete  0:stale 1:stale 2:valid
IMIGRASI.PASPOR_BARU_DEWASA    wati  complete    0:valid 1:valid 2:valid
IMIGRASI.PASPOR_GANTI          rina  complete    0:valid 1:valid 2:valid
IMIGRASI.PASPOR_GANTI          budi  incomplete  0:old_copy 1:stale 2:stale
IMIGRASI.PASPOR_GANTI          wati  incomplete  0:missing 1:valid 2:valid
IMIGRASI.PASPOR_ANAK           rina  incomplete  0:party_missing 1:party_missing 2:party_missing 3:party_missing 4:party_missing 6:party_missing
IMIGRASI.PASPOR_ANAK           budi  incomplete  0:stale 1:stale 2:missing 3:valid 4:old_copy 5:missing 6:missing
IMIGRASI.PASPOR_ANAK           wati  incomplete  0:party_missing 1:party_missing 2:party_missing 3:party_missing 4:party_missing 6:party_missing
POLRI.SKCK_BARU                rina  incomplete  0:valid 1:valid 2:valid 3:valid 4:at_counter 5:unverified 7:missing
POLRI.SKCK_BARU                budi  incomplete  0:stale 1:stale 2:valid 3:missing 4:at_counter 5:unverified 6:expired 7:missing
POLRI.SKCK_BARU                wati  incomplete  0:valid 1:valid 2:valid 3:valid 4:at_counter 5:unverified 7:missing
POLRI.SKCK_PERPANJANG          rina  incomplete  0:valid 1:valid 2:valid 3:valid 4:valid 5:unverified e0:missing
POLRI.SKCK_PERPANJANG          budi  incomplete  0:expired 1:stale 2:stale 3:valid 4:missing 5:unverified e0:missing
POLRI.SKCK_PERPANJANG          wati  incomplete  0:missing 1:valid 2:valid 3:missing 4:valid 5:unverified e0:missing
POLRI.SIM_PERPANJANG           rina  incomplete  0:valid 1:valid 2:valid 3:valid 4:unverified
POLRI.SIM_PERPANJANG           budi  incomplete  0:expired 1:stale 2:expired 3:valid 4:unverified
POLRI.SIM_PERPANJANG           wati  incomplete  0:missing 1:valid 2:missing 3:missing 4:unverified
SAMSAT.STNK_TAHUNAN            rina  complete    0:valid 1:valid
SAMSAT.STNK_TAHUNAN            budi  incomplete  0:stale 1:old_copy
SAMSAT.STNK_TAHUNAN            wati  incomplete  0:valid 1:valid 2:valid 3:stale
SAMSAT.STNK_5TAHUN             rina  complete    0:valid 1:valid 2:valid
SAMSAT.STNK_5TAHUN             budi  incomplete  0:stale 1:old_copy 2:undetermined
SAMSAT.STNK_5TAHUN             wati  incomplete  0:valid 1:valid 2:valid 3:valid 4:stale
BPJSKES.DAFTAR_PBPU            rina  complete    0:at_counter 1:valid 2:valid 3:valid
BPJSKES.DAFTAR_PBPU            budi  incomplete  0:at_counter 1:stale 2:stale 3:missing
BPJSKES.DAFTAR_PBPU            wati  incomplete  0:at_counter 1:valid 2:valid 3:missing 5:valid
BPJSKES.UBAH_KELAS             rina  complete    0:valid 1:valid
BPJSKES.UBAH_KELAS             budi  incomplete  0:stale 1:missing 2:missing
BPJSKES.UBAH_KELAS             wati  complete    0:valid 1:valid
BPJSKES.BAYI_BARU_LAHIR        rina  incomplete  0:party_missing 1:party_missing 2:party_missing
BPJSKES.BAYI_BARU_LAHIR        budi  incomplete  0:old_copy 1:valid 2:stale 3:missing
BPJSKES.BAYI_BARU_LAHIR        wati  incomplete  0:party_missing 1:party_missing 2:party_missing
DINSOS.PBI_JKN                 rina  incomplete  0:valid 1:valid 2:unverified 3:valid
DINSOS.PBI_JKN                 budi  incomplete  0:stale 1:stale 2:unverified 3:missing
DINSOS.PBI_JKN                 wati  incomplete  0:valid 1:valid 2:unverified 3:valid 4:valid
BPJSTK.JHT_BERHENTI            rina  complete    0:valid 1:valid 2:valid 3:valid 4:valid
BPJSTK.JHT_BERHENTI            budi  incomplete  0:stale 1:stale 2:stale 3:missing 4:valid 5:valid
BPJSTK.JHT_BERHENTI            wati  incomplete  0:missing 1:valid 2:valid 3:valid 4:missing
TASPEN.PENSIUN_JANDA_DUDA      rina  incomplete  0:at_counter 1:party_missing 2:party_missing 3:party_missing 4:valid 5:valid 6:valid 7:valid
TASPEN.PENSIUN_JANDA_DUDA      budi  incomplete  0:at_counter 1:party_missing 2:party_missing 3:valid 4:stale 5:stale 6:missing 7:valid
TASPEN.PENSIUN_JANDA_DUDA      wati  complete    0:at_counter 1:valid 2:valid 3:valid 4:valid 5:valid 6:valid 7:valid 9:at_counter
DJP.NPWP_OP                    rina  complete    0:at_counter 1:valid
DJP.NPWP_OP                    budi  incomplete  0:at_counter 1:stale 2:stale 3:undetermined
DJP.NPWP_OP                    wati  complete    0:at_counter 1:valid
DJP.NPWP_BADAN                 rina  complete    0:at_counter 1:valid 2:valid 3:valid 4:valid
DJP.NPWP_BADAN                 budi  incomplete  0:at_counter 1:party_missing 2:party_missing 3:party_missing 4:party_missing
DJP.NPWP_BADAN                 wati  complete    0:at_counter 1:valid 2:valid 3:valid 4:valid 5:valid
BPN.BALIK_NAMA_WARIS           rina  incomplete  0:at_counter 2:party_missing 3:party_missing 5:valid 6:missing 7:party_missing 8:valid 9:valid
BPN.BALIK_NAMA_WARIS           budi  incomplete  0:at_counter 2:party_missing 3:party_missing 5:valid 6:missing 7:party_missing 8:expired 9:missing
BPN.BALIK_NAMA_WARIS           wati  incomplete  0:at_counter 1:valid 2:valid 3:valid 4:stale 5:valid 6:valid 7:valid 8:valid 9:valid 10:at_counter
BPN.BALIK_NAMA_JUAL_BELI       rina  incomplete  0:at_counter 2:valid 3:party_missing 4:valid 5:valid 6:valid 7:valid 8:valid 9:unverified
BPN.BALIK_NAMA_JUAL_BELI       budi  incomplete  0:at_counter 2:stale 3:party_missing 4:stale 5:valid 6:missing 7:expired 8:missing 9:unverified
BPN.BALIK_NAMA_JUAL_BELI       wati  incomplete  0:at_counter 1:valid 2:valid 3:valid 4:valid 5:valid 6:missing 7:valid 8:valid 9:unverified 10:valid
BAPENDA.BPHTB                  rina  incomplete  0:at_counter 1:valid 2:valid 3:valid 4:valid 5:valid 6:unverified
BAPENDA.BPHTB                  budi  incomplete  0:at_counter 1:stale 2:stale 3:valid 4:missing 5:expired 6:unverified
BAPENDA.BPHTB                  wati  incomplete  0:at_counter 1:valid 2:missing 3:valid 4:valid 5:valid 6:unverified 7:valid
BAPENDA.PBB_MUTASI             rina  complete    0:at_counter 1:valid 2:valid 3:valid
BAPENDA.PBB_MUTASI             budi  incomplete  0:at_counter 1:stale 2:old_copy 3:valid
BAPENDA.PBB_MUTASI             wati  complete    0:at_counter 1:valid 2:valid 3:valid 4:valid
KUA.DAFTAR_NIKAH               rina  incomplete  0:party_missing 1:party_missing 2:party_missing 3:party_missing 4:party_missing 5:party_missing
KUA.DAFTAR_NIKAH               budi  incomplete  0:expired 1:missing 2:stale 3:stale 4:missing 5:missing
KUA.DAFTAR_NIKAH               wati  incomplete  0:missing 1:missing 2:valid 3:valid 4:missing 5:missing 9:missing
PN.SK_TIDAK_PIDANA             rina  complete    0:at_counter 1:valid 2:valid 3:valid 4:valid
PN.SK_TIDAK_PIDANA             budi  incomplete  0:at_counter 1:stale 2:expired 3:valid 4:missing
PN.SK_TIDAK_PIDANA             wati  incomplete  0:at_counter 1:valid 2:missing 3:valid 4:valid
PA.AMBIL_AKTA_CERAI            rina  complete    0:valid
PA.AMBIL_AKTA_CERAI            budi  incomplete  0:stale
PA.AMBIL_AKTA_CERAI            wati  incomplete  0:valid 1:valid 2:stale
KEJARI.TILANG_BARANG_BUKTI     rina  complete    0:valid 1:at_counter
KEJARI.TILANG_BARANG_BUKTI     budi  incomplete  0:stale 1:at_counter
KEJARI.TILANG_BARANG_BUKTI     wati  complete    0:valid 1:at_counter 2:valid
DISNAKER.AK1                   rina  complete    0:valid 1:valid 2:valid 3:valid 4:valid 5:valid
DISNAKER.AK1                   budi  incomplete  0:stale 1:valid 2:valid 3:stale 4:missing 5:valid
DISNAKER.AK1                   wati  complete    0:valid 1:valid 2:missing 3:valid 4:valid 5:missing
PLN.PASANG_BARU                rina  incomplete  0:valid 3:unverified
PLN.PASANG_BARU                budi  incomplete  0:stale 2:unverified 3:unverified
PLN.PASANG_BARU                wati  incomplete  0:valid 1:missing 3:unverified 4:valid
BPOM.REG_PANGAN                rina  complete    0:valid 2:valid
BPOM.REG_PANGAN                budi  incomplete  0:party_missing 2:party_missing
BPOM.REG_PANGAN                wati  incomplete  0:valid 1:stale 2:valid 3:valid 4:valid
"""
