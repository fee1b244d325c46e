// NVIDIA's driver, cuBLAS and cuRAND, as much of them as pipeline calls, on memory of the CPU. Memory is poisoned
// where it is given out, and its ends are watched.
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>

#include "fibers.hpp"
#include "kernels.hpp"

namespace {
using Pointer = unsigned long long;
constexpr size_t EDGE = 64;
constexpr unsigned char EDGE_BYTE = 0xA5;
// cudaDataType, and of cublasComputeType.
constexpr int F32 = 0, BF16 = 14, SUMS_IN_F32 = 68, SUMS_IN_TF32 = 77;

std::mutex lock;
std::map<Pointer, size_t> given_out;
std::map<std::string, unsigned long> launches;

int give_out(Pointer *at, size_t bytes) {
    auto *memory = static_cast<unsigned char *>(aligned_alloc(256, (bytes + 2 * 256 + 255) / 256 * 256));
    memset(memory, EDGE_BYTE, 256);
    memset(memory + 256, 0xFF, bytes);  // NaN, as numbers
    memset(memory + 256 + bytes, EDGE_BYTE, EDGE);
    *at = reinterpret_cast<Pointer>(memory + 256);
    std::lock_guard<std::mutex> guard(lock);
    given_out[*at] = bytes;
    return 0;
}

int take_back(Pointer at) {
    size_t bytes;
    {
        std::lock_guard<std::mutex> guard(lock);
        auto found = given_out.find(at);
        if (found == given_out.end()) {
            fprintf(stderr, "emulated driver: memory is freed that was not given out\n");
            abort();
        }
        bytes = found->second;
        given_out.erase(found);
    }
    auto *memory = reinterpret_cast<unsigned char *>(at);
    for (size_t i = 0; i < EDGE; i++)
        if (memory[bytes + i] != EDGE_BYTE || memory[-1 - (long)i] != EDGE_BYTE) {
            fprintf(stderr, "emulated driver: a kernel wrote beside its %zu bytes\n", bytes);
            abort();
        }
    free(memory - 256);
    return 0;
}

void tell_launches() {
    if (!getenv("EMULATED_LAUNCHES")) return;
    for (auto &[name, count] : launches) fprintf(stderr, "%8lu %s\n", count, name.c_str());
}
}  // namespace

extern "C" {
int cuInit(unsigned) {
    atexit(tell_launches);
    return 0;
}
int cuDeviceGet(int *device, int number) {
    *device = number;
    return number < 2 ? 0 : 101;
}
int cuDeviceGetAttribute(int *value, int, int) {
    *value = 1;
    return 0;
}
int cuDevicePrimaryCtxRetain(void **context, int) {
    static int one;
    *context = &one;
    return 0;
}
int cuDevicePrimaryCtxRelease_v2(int) { return 0; }
int cuCtxDestroy_v2(void *) { return 0; }
static thread_local void *current;
int cuCtxGetCurrent(void **context) {
    *context = current;
    return 0;
}
int cuCtxSetCurrent(void *context) {
    current = context;
    return 0;
}
int cuCtxSynchronize() { return 0; }
int cuGetErrorString(int code, const char **text) {
    *text = code == 101 ? "no such device" : code == 500 ? "no such kernel is emulated" : "an error";
    return 0;
}
int cuEventCreate(void **event, unsigned) {
    *event = nullptr;
    return 0;
}
int cuEventDestroy_v2(void *) { return 0; }
int cuEventRecord(void *, void *) { return 0; }
int cuStreamCreate(void **stream, unsigned) {
    static int one;
    *stream = &one;
    return 0;
}
int cuStreamDestroy_v2(void *) { return 0; }
int cuStreamIsCapturing(void *, int *status) {
    *status = 0;
    return 0;
}
int cuStreamSynchronize(void *) { return 0; }
int cuStreamWaitEvent(void *, void *, unsigned) { return 0; }
int cuMemAlloc_v2(Pointer *at, size_t bytes) { return give_out(at, bytes); }
int cuMemAllocAsync(Pointer *at, size_t bytes, void *) { return give_out(at, bytes); }
int cuMemFree_v2(Pointer at) { return take_back(at); }
int cuMemFreeAsync(Pointer at, void *) { return take_back(at); }
static int copy(void *to, const void *from, size_t bytes) {
    memcpy(to, from, bytes);
    return 0;
}
int cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void *) { return copy((void *)to, (void *)from, bytes); }
int cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, void *) { return copy(to, (void *)from, bytes); }
int cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, void *) { return copy((void *)to, from, bytes); }
int cuMemcpyPeerAsync(Pointer, void *, Pointer, void *, size_t, void *) { return 1; }
int cuMemsetD8Async(Pointer at, unsigned char value, size_t bytes, void *) {
    memset((void *)at, value, bytes);
    return 0;
}
int cuModuleLoad(void **module, const char *) {
    static int one;
    *module = &one;
    return 0;
}
int cuModuleLoadData(void **module, const void *) { return cuModuleLoad(module, nullptr); }
int cuModuleUnload(void *) { return 0; }
int cuModuleGetFunction(const Kernel **function, void *, const char *name) {
    auto found = kernels().find(name);
    if (found == kernels().end()) {
        fprintf(stderr, "emulated driver: there is no kernel %s\n", name);
        return 500;
    }
    *function = &found->second;
    return 0;
}
int cuLaunchKernel(const Kernel *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared_bytes, void *, void **arguments, void **) {
    if (gx == 0 || bx == 0 || shared_bytes > SHARED_BYTES) return 1;
    {
        std::lock_guard<std::mutex> guard(lock);
        launches[kernel->name]++;
    }
    emulated::launch({gx, gy, gz}, {bx, by, bz}, [&] { kernel->call(arguments); });
    return 0;
}

int cublasCreate_v2(void **handle) {
    static int one;
    *handle = &one;
    return 0;
}
int cublasDestroy_v2(void *) { return 0; }
int cublasSetStream_v2(void *, void *) { return 0; }
int cublasDgemmStridedBatched(...) { return 15; }
// The factor at `place` as cuBLAS multiplies it: bf16 is widened, f32 loses 13 bits where sums are in TF32.
static double factor(const void *numbers, int type, size_t place, int sums) {
    uint32_t bits;
    if (type == BF16)
        bits = (uint32_t) static_cast<const uint16_t *>(numbers)[place] << 16;
    else {
        memcpy(&bits, static_cast<const float *>(numbers) + place, 4);
        if (sums == SUMS_IN_TF32) bits &= ~0x1fffu;
    }
    float value;
    memcpy(&value, &bits, 4);
    return value;
}
// C = alpha · op(A) op(B) + beta · C, columns first; C in f32, A and B in f32 or bf16.
int cublasGemmStridedBatchedEx(void *, int turn_a, int turn_b, int m, int n, int k, const float *alpha, const void *a,
                               int type_a, int lda, long long stride_a, const void *b, int type_b, int ldb,
                               long long stride_b, const float *beta, float *c, int type_c, int ldc,
                               long long stride_c, int batches, int sums, int) {
    if (type_a != type_b || (type_a != F32 && type_a != BF16) || type_c != F32) return 15;
    if (sums != SUMS_IN_F32 && !(sums == SUMS_IN_TF32 && type_a == F32)) return 15;
    size_t first_a = 0, first_b = 0;
    for (int batch = 0; batch < batches; batch++, first_a += stride_a, first_b += stride_b, c += stride_c)
        for (int column = 0; column < n; column++)
            for (int row = 0; row < m; row++) {
                double sum = 0;
                for (int i = 0; i < k; i++) {
                    size_t at_a = turn_a ? i + (size_t)row * lda : row + (size_t)i * lda;
                    size_t at_b = turn_b ? column + (size_t)i * ldb : i + (size_t)column * ldb;
                    sum += factor(a, type_a, first_a + at_a, sums) * factor(b, type_b, first_b + at_b, sums);
                }
                float &to = c[row + (size_t)column * ldc];
                to = (float)(*alpha * sum) + (*beta == 0.0f ? 0.0f : *beta * to);
            }
    return 0;
}

int curandCreateGenerator(void **generator, int) {
    static int one;
    *generator = &one;
    return 0;
}
int curandDestroyGenerator(void *) { return 0; }
int curandSetPseudoRandomGeneratorSeed(void *, unsigned long long) { return 0; }
int curandSetStream(void *, void *) { return 0; }
}
