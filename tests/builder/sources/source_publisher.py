"""A publisher on 127.0.0.1, and small files in each publisher's own format."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from builder.sources.catalog import Entry, load_catalog


@dataclass
class Offer:
    """What the server gives for one path: `sends` cuts the first `cuts` whole answers, `declares`
    is the length it announces."""

    body: bytes
    status: int = 200
    sends: int | None = None
    cuts: int = 99
    declares: int | None = None
    length: bool = True
    etag: str | None = None


@dataclass
class Publisher:
    """A server's offers by path, and what was asked of it: path and Range header."""

    offers: dict[str, Offer]
    requested: list[tuple[str, str | None]] = field(default_factory=list)
    endpoint: str = ""


@contextmanager
def publishing(publisher: Publisher) -> Iterator[Publisher]:
    """Run the publisher until the block ends; `endpoint` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            publisher.requested.append((self.path, wanted))
            offer = publisher.offers.get(self.path, Offer(b"", status=404))
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
            resumes = start > 0 and self.headers.get("If-Range") == offer.etag
            body = offer.body[start:] if resumes else offer.body
            self.send_response(206 if resumes else offer.status)
            if offer.etag:
                self.send_header("ETag", offer.etag)
            if offer.length:
                declared = len(body) if offer.declares is None else offer.declares
                self.send_header("Content-Length", str(declared))
            self.end_headers()
            cut = not resumes and offer.cuts > 0
            offer.cuts -= cut
            self.wfile.write(body[: offer.sends] if cut else body)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    publisher.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield publisher
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def make_zip(members: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            # dated: the same archive made two seconds later must have the same bytes
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def served(source: str, files: Mapping[str, bytes], endpoint: str | None, **changes: Any) -> Entry:
    """Return the catalog entry of a source, its files at `endpoint` and pinned to `files`."""
    entry = next(each for each in load_catalog() if each.id == source)
    declared = tuple(
        dataclasses.replace(
            each,
            url=f"{endpoint}/{each.name}" if endpoint else None,
            sha256=sha256(files[each.name]),
            size_bytes=None,
            **changes,
        )
        for each in entry.files
    )
    return dataclasses.replace(entry, files=declared)


def table(header: str, *rows: str, separator: str = ",") -> str:
    """Return delimited text: the header's words, and each row's words, `_` for an empty cell."""
    lines = [separator.join(header.split())]
    for row in rows:
        cells = ["" if cell == "_" else cell for cell in row.split()]
        assert len(cells) == len(header.split()), row
        lines.append(separator.join(cells))
    return "\n".join(lines) + "\n"


ASEC_PERSON = """PERIDNUM PH_SEQ P_SEQ A_LINENO PF_SEQ SPM_ID TAX_ID A_SPOUSE A_AGE A_SEX A_MARITL
 MARSUPWT PEDISDRS PEDISEAR PEDISEYE PEDISOUT PEDISPHY PEDISREM HRSWK WKSWORK
 WSAL_VAL SEMP_VAL FRSE_VAL INT_VAL DIV_VAL RNT_VAL SS_VAL SSI_VAL UC_VAL PNSN_VAL ANN_VAL CAP_VAL
 CSP_VAL CHSP_VAL VET_VAL WC_VAL PAW_VAL DIS_VAL1 DIS_VAL2 RETCB_VAL PHIP_VAL PMED_VAL POTC_VAL
 SPM_SNAPSUB SPM_CAPHOUSESUB SPM_ENGVAL SPM_CHILDCAREXPNS PTOTVAL"""


def asec_files(**members: str) -> dict[str, bytes]:
    """Return asecpub25csv.zip: a couple, a widow who lives alone, and a vacant unit."""
    texts = {
        "hhpub25.csv": table(
            "H_SEQ H_IDNUM H_HHTYPE GESTFIPS GTCO H_TENURE HSUP_WGT HTOTVAL",
            "1 0910 1 6 37 1 150025 71000",
            "2 0911 1 36 0 2 90000 21500",
            "3 0912 2 36 0 0 0 0",
        ),
        "ffpub25.csv": table(
            "FH_SEQ FFPOS FTYPE FSUP_WGT", "1 1 1 150025", "2 1 2 90000", "3 1 1 0"
        ),
        "pppub25.csv": table(
            ASEC_PERSON,
            "'a 1 1 1 1 1001 101 2 45 1 1 150025 2 2 2 2 2 2 40 52 "
            "60000 -2500 0 310 120 0 0 0 0 0 0 1500 0 0 0 0 0 0 0 3000 2400 150 60 0 0 0 0 59430",
            "'b 1 2 2 1 1001 101 1 43 2 1 151000 2 1 2 2 2 2 0 0 "
            "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 800 200 0 0 80 20 0 0 0 0 1000",
            "'c 2 1 1 1 2001 201 0 80 2 4 90000 2 2 1 2 2 2 0 0 "
            "0 0 0 40 0 0 14000 5400 0 1200 300 0 0 0 0 0 0 0 0 0 600 900 45 1800 2600 120 0 20940",
        ),
    }
    texts |= {name.replace("_", "."): text for name, text in members.items()}
    return {"asecpub25csv.zip": make_zip(texts)}


ACS_HOUSEHOLD = (
    "RT SERIALNO STATE PUMA ADJHSG ADJINC WGTP NP TYPEHUGQ TEN BDSP VEH RNTP GRNTP TAXAMT FS"
)
ACS_PERSON = """RT SERIALNO SPORDER PWGTP ADJINC AGEP SEX RELSHIPP MAR DIS DEYE
 WAGP SEMP INTP RETP SSP SSIP PAP OIP HINS4 SCH"""


def acs_files() -> dict[str, bytes]:
    """Return csv_hus.zip and csv_pus.zip: renters, owners, a vacant unit, and group quarters."""
    homes = (
        "H 2024HU0000001 06 03701 1010000 1020000 40 2 1 3 2 1 1500 1700 _ 2",
        "H 2024HU0000002 06 03702 1010000 1020000 60 1 1 1 3 2 _ _ 5200 2",
        "H 2024HU0000003 06 03702 1010000 1020000 25 0 1 _ 3 _ _ _ _ _",
        "H 2024GQ0000004 06 03702 1010000 1020000 0 1 2 _ _ _ _ _ _ 2",
    )
    others = (
        "H 2024HU0000005 36 00100 1010000 1020000 80 1 1 2 3 0 _ _ 9000 2",
        "H 2024HU0000006 36 00100 1010000 1020000 20 1 1 4 1 0 _ _ _ 2",
    )
    people = (
        "P 2024HU0000001 1 41 1020000 34 2 20 1 2 2 50000 -100 25 0 0 0 0 0 2 1",
        "P 2024HU0000001 2 39 1020000 6 1 25 5 2 2 _ _ _ _ _ _ _ _ 1 2",
        "P 2024HU0000002 1 60 1020000 71 1 20 2 1 1 0 0 0 12000 20000 0 0 0 2 1",
        "P 2024GQ0000004 1 10 1020000 20 1 38 5 2 2 0 0 0 0 0 0 0 0 2 1",
    )
    more = (
        "P 2024HU0000005 1 80 1020000 50 1 20 4 2 2 70000 0 0 0 0 0 0 0 2 1",
        "P 2024HU0000006 1 20 1020000 68 2 20 4 1 2 0 0 0 0 9000 3000 0 0 2 1",
    )
    housing = {
        "psam_husa.csv": table(ACS_HOUSEHOLD, *homes),
        "psam_husb.csv": table(ACS_HOUSEHOLD, *others),
        "ACS2024_PUMS_README.pdf": "see the user guide",
    }
    persons = {
        "psam_pusa.csv": table(ACS_PERSON, *people),
        "psam_pusb.csv": table(ACS_PERSON, *more),
    }
    return {"csv_hus.zip": make_zip(housing), "csv_pus.zip": make_zip(persons)}


SCF = """YY1 Y1 WGT HHSEX AGE AGECL MARRIED KIDS WAGEINC BUSSEFARMINC INTDIVINC KGINC SSRETINC
 TRANSFOTHINC INCOME LIQ CDS SAVBND BOND STOCKS NMMF RETQLIQ VEHIC HOUSES BUS ASSET DEBT NETWORTH
 MRTHEL VEH_INST"""


def scf_files(implicates: tuple[int, ...] = (1, 2, 3, 4, 5)) -> dict[str, bytes]:
    """Return scfp2022excel.zip: one unit, whose implicates differ in wages and liquid assets."""
    rows = [
        f"1 {10 + each} 1200.5 2 61 4 2 0 {50000 + each} 0 900.25 -400 21000 0 71500 "
        f"{8000 + each} 2000 100 0 3000 500 90000 15000 310000 0 428600 120000 308600 115000 5000"
        for each in implicates
    ]
    return {"scfp2022excel.zip": make_zip({"SCFP2022.csv": table(SCF, *rows)})}


_JOBS = " ".join(f"TJB{each}_MSUM" for each in range(1, 8))
_TIPS = " ".join(f"TJB{each}_TXAMT" for each in range(1, 8))
SIPP = f"""SSUID PNUM MONTHCODE SPANEL SWAVE WPFINWGT TAGE ESEX EMS {_JOBS} TSSSAMT TRETINCAMT
 TPTOTINC {_TIPS} TVAL_BANK TVAL_STMF TVAL_BOND TINC_BANK TINC_STMF TINC_BOND TINC_RENT RSSI_YRYN
 EAMBULAT ECOGNIT EERRANDS EHEARING ESEEING ESELFCARE"""


def sipp_files(*, months: tuple[int, ...] = tuple(range(1, 13))) -> dict[str, bytes]:
    """Return pu2023_csv.zip: a worker for `months`, a child, and one who left before December."""
    worker = [
        f"000114285061 101 {month} 2023 1 {4000.25 + month} 41 1 1 3000 250 _ _ _ _ _ _ _ 3262 "
        f"40 2 _ _ _ _ _ {1000 + month} 700 _ 10 2 0 0 2 2 2 2 2 2 1"
        for month in months
    ]
    child = [
        f"000114285061 102 {month} 2023 1 5100.5 9 2 _ _ _ _ _ _ _ _ _ _ 0 _ _ _ _ _ _ _ "
        "_ _ _ _ _ _ _ _ "
        "2 2 2 2 1 _"
        for month in range(1, 13)
    ]
    left = [
        "000114285999 101 1 2023 1 7000 70 2 3 _ _ _ _ _ _ _ 1500 _ 1500 _ _ _ _ _ _ _ "
        "5 0 0 1 0 0 0 1 1 2 2 2 2 2"
    ]
    text = table(SIPP, *worker, *child, *left, separator="|")
    return {"pu2023_csv.zip": make_zip({"pu2023.csv": text})}


PUF = """RECID MARS XTOT DSI S006 E00100 E00200 E00300 E00400 E00600 E00650 E00700 E00800 E00900
 E01100 E01200 E01400 E01500 E01700 E02100 E02300 E02400 E03150 E03210 E03220 E03270 E03290 E03300
 E03500 P22250 P23250 E17500 E18400 E18500 E19200 E19800 E20100 E20400 E25850 E25860 E26270 E26390
 E26400 E27200 E32800 AGIR1"""


def puf_files() -> dict[str, bytes]:
    """Return puf_2015.csv: a joint return, and one of the four aggregate records."""
    joint = (
        "4 2 4 0 12550 98000 80000 500 60 900 600 0 0 -1500 0 0 0 6000 4500 0 0 11000 0 250 0 0 0 "
        "0 0 -3000 7000 0 4100 3200 8100 2000 150 0 1200 200 5000 40 90 0 0 18"
    )
    aggregate = "999999 0 0 0 3900 " + " ".join(["9"] * 40) + " 1"
    return {"puf_2015.csv": table(PUF, joint, aggregate).encode()}


SSA_HEADER = "State or area,Total,Aged,Blind and disabled,Under 18,18–64,65 or older"


def ssa_files(*rows: str) -> dict[str, bytes]:
    """Return the SSI table as saved from the page: separators in figures, and suppression."""
    rows = rows or (
        'All areas,"1,326,434","401,707","924,727","108,130","540,249","678,055"',
        'California,"1,113,205","347,242","765,963","83,421","440,721","589,063"',
        "Delaware,511,21,490,(X),420,(X)",
        "Other,317,35,282,(X),162,(X)",
    )
    return {"ssi_recipients_by_state.csv": "\n".join([SSA_HEADER, *rows, ""]).encode()}
