/* A stand-in for NVIDIA's management library: the functions that attestation calls, with the structures of nvml.h as a C compiler lays them out.
 * What it answers is told by environment variables, so that the real loader and the real calls are tried. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUCCESS 0
#define INVALID_ARGUMENT 2
#define NOT_SUPPORTED 3
#define VERSION_MISMATCH 25

typedef struct {
    unsigned int version, environment, ccFeature, devToolsMode, multiGpuMode;
} Settings;

typedef struct {
    unsigned int certChainSize, attestationCertChainSize;
    unsigned char certChain[0x1000], attestationCertChain[0x1400];
} Certificate;

typedef struct {
    unsigned int isCecAttestationReportPresent, attestationReportSize, cecAttestationReportSize;
    unsigned char nonce[0x20], attestationReport[0x2000], cecAttestationReport[0x1000];
} Report;

static unsigned int number(const char *name, unsigned int otherwise) {
    const char *text = getenv(name);
    return text == NULL ? otherwise : (unsigned int)strtoul(text, NULL, 0);
}

static int initialised = 0;

int nvmlInit_v2(void) {
    unsigned int result = number("FAKE_NVML_INIT", SUCCESS);
    if (result == SUCCESS) initialised++;
    return (int)result;
}

int nvmlShutdown(void) {
    initialised--;
    return SUCCESS;
}

/* For the test: how many calls of nvmlInit_v2 are not shut down. */
int fakeNvmlInitialised(void) { return initialised; }

const char *nvmlErrorString(int result) {
    if (result == NOT_SUPPORTED) return "Not Supported";
    return "Some Error";
}

int nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    if (length < 80) return INVALID_ARGUMENT;
    strcpy(version, "580.159.03");
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned int *count) {
    *count = number("FAKE_NVML_DEVICES", 2);
    return (int)number("FAKE_NVML_COUNT", SUCCESS);
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    *device = (void *)(uintptr_t)(0x7f00000000001000ull + index);
    return (int)number("FAKE_NVML_HANDLE", SUCCESS);
}

static int isDevice(void *device) { return ((uintptr_t)device & ~0xfull) == 0x7f00000000001000ull; }

#ifndef OLD_DRIVER
int nvmlSystemGetConfComputeSettings(Settings *settings) {
    if (settings->version != (sizeof(Settings) | (1u << 24))) return VERSION_MISMATCH;
    settings->environment = number("FAKE_NVML_ENVIRONMENT", 2);
    settings->ccFeature = number("FAKE_NVML_FEATURE", 1);
    settings->devToolsMode = number("FAKE_NVML_DEVTOOLS", 0);
    settings->multiGpuMode = number("FAKE_NVML_MULTI", 0);
    return (int)number("FAKE_NVML_SETTINGS", SUCCESS);
}
#endif

int nvmlSystemGetConfComputeGpusReadyState(unsigned int *ready) {
    *ready = number("FAKE_NVML_READY", 1);
    return (int)number("FAKE_NVML_READY_STATE", SUCCESS);
}

int nvmlDeviceGetConfComputeGpuCertificate(void *device, Certificate *certificate) {
    const char *path = getenv("FAKE_NVML_CHAIN");
    FILE *file;
    size_t length;
    if (!isDevice(device) || path == NULL || (file = fopen(path, "rb")) == NULL) return INVALID_ARGUMENT;
    length = fread(certificate->attestationCertChain, 1, sizeof certificate->attestationCertChain, file);
    fclose(file);
    memset(certificate->certChain, 'x', sizeof certificate->certChain);
    certificate->certChainSize = sizeof certificate->certChain;
    certificate->attestationCertChainSize = number("FAKE_NVML_CHAIN_SIZE", (unsigned int)length);
    return (int)number("FAKE_NVML_CERTIFICATE", SUCCESS);
}

/* GET_MEASUREMENTS with the nonce, then an answer of which the last byte is the device's index. */
int nvmlDeviceGetConfComputeGpuAttestationReport(void *device, Report *report) {
    unsigned int size = number("FAKE_NVML_REPORT_SIZE", 100);
    if (!isDevice(device)) return INVALID_ARGUMENT;
    memset(report->attestationReport, 0xaa, sizeof report->attestationReport);
    report->attestationReport[0] = (unsigned char)number("FAKE_NVML_SPDM", 0x11);
    report->attestationReport[1] = 0xe0;
    report->attestationReport[2] = 0x01;
    report->attestationReport[3] = 0xff;
    memcpy(report->attestationReport + 4, report->nonce, sizeof report->nonce);
    report->attestationReport[4] ^= (unsigned char)number("FAKE_NVML_NONCE_FLIP", 0);
    report->attestationReport[99] = (unsigned char)((uintptr_t)device & 0xf);
    memset(report->cecAttestationReport, 0xcc, sizeof report->cecAttestationReport);
    report->isCecAttestationReportPresent = 1;
    report->cecAttestationReportSize = sizeof report->cecAttestationReport;
    report->attestationReportSize = size;
    return (int)number("FAKE_NVML_REPORT", SUCCESS);
}

/* For the test: the compiler's own sizes. */
unsigned int fakeNvmlSize(int which) {
    return which == 0 ? sizeof(Settings) : which == 1 ? sizeof(Certificate) : sizeof(Report);
}
