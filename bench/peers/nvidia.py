# NVIDIA's local verifier on the vectors that ours is measured on: what of it runs offline, one JSON line for each kind.
# Its whole appraisal asks an OCSP responder and a RIM service, and has no offline form: its parts are called one by one.
import json
import logging
import os
import sys
import time
from pathlib import Path

import verifier
from cryptography import x509
from verifier.attestation import AttestationReport
from verifier.config import HopperSettings
from verifier.rim import RIM

logging.disable(logging.CRITICAL)
vectors, seconds = Path(sys.argv[1]), float(sys.argv[2])
sdk = vectors / "nvidia/attestation-sdk"
raw = bytes.fromhex((sdk / "hopperAttestationReport.txt").read_text().strip())
pem = (sdk / "hopperCertChain.txt").read_bytes()
rim_text = (sdk / "NV_GPU_DRIVER_GH100_550.144.03.xml").read_text()
certificates = os.path.join(list(verifier.__path__)[0], "certs")


def report():
    """Parses a report and verifies its signature by the first certificate of its chain. The chain is not verified."""
    settings = HopperSettings()
    parsed = AttestationReport(raw, settings)
    leaf = x509.load_pem_x509_certificates(pem)[0]
    if not parsed.verify_signature(leaf, settings.signature_length, settings.HashFunction):
        raise RuntimeError("the signature does not verify")


def rim():
    """A manifest: schema, signature and chain at the machine's own time."""
    settings = HopperSettings()
    settings.RIM_ROOT_CERT = os.path.join(certificates, "verifier_RIM_root.pem")
    parsed = RIM("driver", settings, content=rim_text)
    if not (parsed.validate_schema() and parsed.verify_signature(settings)):
        raise RuntimeError("the manifest does not verify")


def measure(name, act):
    try:
        act()
    except Exception as error:  # whatever it is, it is why there is no number
        print(json.dumps({"name": name, "error": f"{type(error).__name__}: {error}"[:200]}))
        return
    runs = []
    for _ in range(5):
        begin, count = time.monotonic(), 0
        while time.monotonic() - begin < seconds:
            act()
            count += 1
        runs.append(count / (time.monotonic() - begin))
    print(json.dumps({"name": name, "perSecond": runs}))


measure("nvidia-report", report)
measure("nvidia-rim", rim)
