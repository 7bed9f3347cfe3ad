/* A stand-in for NVIDIA's driver, with the functions that numba-cuda and cuda.core call, and one GPU whose memory is the
   host's.

   It runs no kernel, but passes each launch to the function that `on_launch` was given. Other functions of the driver are
   missing, so that their callers fail. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult;
enum { SUCCESS = 0, INVALID_VALUE = 1, NOT_FOUND = 500, NOT_SUPPORTED = 801, MOST_KERNELS = 1000 };

static int context;
static int kernels;
static int shared_limit[MOST_KERNELS];
static CUresult failure;
static int launches_before;

typedef void (*Listener)(intptr_t kernel, unsigned blocks, unsigned threads, unsigned shared_bytes, void **parameters);
static Listener listener;

void on_launch(Listener called) { listener = called; }
void fail_a_launch(CUresult result, int after) { failure = result; launches_before = after; }

CUresult cuInit(unsigned flags) { return SUCCESS; }
CUresult cuDriverGetVersion(int *version) { *version = 13000; return SUCCESS; }
CUresult cuGetErrorName(CUresult error, const char **name) { *name = error == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_OTHER"; return SUCCESS; }
CUresult cuGetErrorString(CUresult error, const char **text) { *text = "of a test"; return SUCCESS; }

CUresult cuDeviceGetCount(int *count) { *count = 1; return SUCCESS; }
CUresult cuDeviceGet(int *device, int number) { *device = number; return SUCCESS; }
CUresult cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "stand-in"); return SUCCESS; }
CUresult cuDeviceGetUuid_v2(char *uuid, int device) { memset(uuid, 7, 16); return SUCCESS; }
CUresult cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? 9 : attribute == 76 ? 0 : 1;  /* the compute capability */
    return SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(void **made, int device) { *made = &context; return SUCCESS; }
CUresult cuDevicePrimaryCtxRelease_v2(int device) { return SUCCESS; }
CUresult cuCtxGetCurrent(void **current) { *current = &context; return SUCCESS; }
CUresult cuCtxSetCurrent(void *current) { return SUCCESS; }
CUresult cuCtxPushCurrent_v2(void *current) { return SUCCESS; }
CUresult cuCtxPopCurrent_v2(void **current) { *current = &context; return SUCCESS; }
CUresult cuCtxGetDevice(int *device) { *device = 0; return SUCCESS; }
CUresult cuCtxSynchronize(void) { return SUCCESS; }
CUresult cuMemGetInfo_v2(size_t *available, size_t *total) { *available = *total = (size_t)1 << 34; return SUCCESS; }

CUresult cuLibraryLoadData(void **library, const void *code, void *a, void *b, unsigned c, void *d, void *e, unsigned f) {
    if (memcmp(code, "\177ELF", 4) || kernels == MOST_KERNELS) return INVALID_VALUE;  /* assembled for the GPU */
    shared_limit[kernels] = 48 * 1024;
    *library = (void *)(intptr_t)++kernels;
    return SUCCESS;
}
CUresult cuLibraryUnload(void *library) { return SUCCESS; }
CUresult cuLibraryGetKernel(void **kernel, void *library, const char *name) { *kernel = library; return SUCCESS; }
CUresult cuKernelGetLibrary(void **library, void *kernel) { *library = kernel; return SUCCESS; }
CUresult cuKernelGetFunction(void **function, void *kernel) { *function = kernel; return SUCCESS; }
CUresult cuKernelGetAttribute(int *value, int attribute, void *kernel, int device) { *value = 0; return SUCCESS; }
CUresult cuKernelSetAttribute(int attribute, int value, void *kernel, int device) {
    if (attribute == 8) shared_limit[(intptr_t)kernel - 1] = value;  /* MAX_DYNAMIC_SHARED_SIZE_BYTES */
    return SUCCESS;
}

typedef struct {
    unsigned blocks, blocks_y, blocks_z, threads, threads_y, threads_z, shared_bytes;
    void *stream, *attributes;
    unsigned attribute_count;
} Launch;

CUresult cuLaunchKernelEx(const Launch *launch, void *kernel, void **parameters, void **extra) {
    if (failure != SUCCESS && launches_before-- == 0) {
        CUresult result = failure;
        failure = SUCCESS;
        return result;
    }
    if (launch->shared_bytes > (unsigned)shared_limit[(intptr_t)kernel - 1]) return INVALID_VALUE;
    if (launch->blocks_y != 1 || launch->blocks_z != 1 || launch->threads_y != 1 || launch->threads_z != 1) return INVALID_VALUE;
    listener((intptr_t)kernel, launch->blocks, launch->threads, launch->shared_bytes, parameters);
    return SUCCESS;
}

CUresult cuGetExportTable(const void **table, const void *id) { return NOT_SUPPORTED; }
CUresult cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t flags, int *status) {
    static void *self;
    Dl_info here;
    char name[128];
    if (!self && dladdr(&context, &here)) self = dlopen(here.dli_fname, RTLD_NOW);
    snprintf(name, sizeof name, "%s_v2", symbol);
    *function = dlsym(self, name);
    if (!*function) *function = dlsym(self, symbol);
    if (status) *status = *function ? 0 : 1;
    return *function ? SUCCESS : NOT_FOUND;
}
