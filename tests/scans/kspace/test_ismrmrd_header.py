"""The ISMRMRD header is read strictly, and hostile XML is refused."""

import pytest
from hypothesis import given, strategies as st

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.kspace.ismrmrd_header import PhaseLines, parse_ismrmrd_header


def test_spaces_lines_and_coils_are_read(header_xml):
    header = parse_ismrmrd_header(header_xml(lines=(2, 37, 20), channels=16), "a.h5")
    assert header.encoded.matrix == (64, 40, 1)
    assert header.encoded.field_of_view == (440.0, 220.0, 7.5)
    assert header.recon.matrix == (32, 40, 1)
    assert header.lines == PhaseLines(2, 37, 20)
    assert header.receiver_channels == 16


def test_text_without_a_namespace_is_read_too(header_xml):
    xml = header_xml().decode().replace(' xmlns="http://www.ismrm.org/ISMRMRD"', "")
    assert parse_ismrmrd_header(xml, "a.h5").recon.matrix == (32, 40, 1)


def test_headers_without_limits_have_no_lines(header_xml):
    assert parse_ismrmrd_header(header_xml(), "a.h5").lines is None


@given(st.integers(1, 600))
def test_a_full_matrix_has_its_own_extent(size):
    assert PhaseLines(0, size - 1, size // 2).extent == size


@given(st.integers(2, 300), st.integers(0, 299))
def test_after_partial_fourier_the_longer_side_counts(size, missing):
    missing = min(missing, size // 2)
    assert PhaseLines(missing, size - 1, size // 2).extent >= size - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"encoded": (0, 40, 1)},
            "Expected encodedSpace/matrixSize/x of at least 1 in the ISMRMRD header. Received: '0'",
        ),
        ({"recon": (32, 40, 0.5)}, "Expected reconSpace/matrixSize/z of at least 1"),
        ({"recon_mm": ("nan", 220, 5)}, "Expected reconSpace/fieldOfView_mm/x of at least 0.001"),
        ({"recon_mm": (220, -5, 5)}, "Expected reconSpace/fieldOfView_mm/y of at least 0.001"),
        ({"encoded_mm": ("", 220, 5)}, "Expected encodedSpace/fieldOfView_mm/x of at least 0.001"),
        ({"encoded_mm": ("1e-310", 220, 5)}, "Received: '1e-310'"),
        ({"trajectory": "spiral"}, "Expected Cartesian k-space. Received: spiral"),
    ],
)
def test_unusable_values_are_named(header_xml, change, message):
    with pytest.raises(ScanError, match=message):
        parse_ismrmrd_header(header_xml(**change), "a.h5")


BILLION_LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><ismrmrdHeader>&b;</ismrmrdHeader>'
OUTSIDE_FILE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><ismrmrdHeader>&f;</ismrmrdHeader>'


@pytest.mark.parametrize(
    "xml", [b"", b"not xml", b"<a><b></a>", b"\xff\xfe\x00", BILLION_LAUGHS, OUTSIDE_FILE]
)
def test_what_is_not_plain_xml_is_refused(xml):
    with pytest.raises(ScanError, match=r"Expected an ISMRMRD header in XML. Received: a.h5"):
        parse_ismrmrd_header(xml, "a.h5")


def test_a_huge_header_is_refused_unparsed():
    with pytest.raises(ScanError, match="it has 5000000 bytes"):
        parse_ismrmrd_header(b" " * 5_000_000, "a.h5")
